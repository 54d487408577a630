#!/usr/bin/python3
"""Bad input gets a clear message that names key, value and remedy; no node demotes or crashes for it.

    bad_input_test.py AGENT CTL [TEST...]
"""
import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lab'))
from lab import OURS, Cluster, Failure, main, wait_for  # noqa: E402

BASE = int(os.environ.get('LAB_PORTS', '26200'))


def expect(condition, what):
    if not condition:
        raise Failure(what)


# --- configuration files

def run_with(cluster, text, *arguments):
    """Runs the agent with a configuration that must not come up; (exit code, output)."""
    path = os.path.join(cluster.dir, 'bad.yml')
    with open(path, 'wb') as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    run = subprocess.run([cluster.agent, *arguments, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         stdin=subprocess.DEVNULL, timeout=20)
    return run.returncode, run.stdout.decode(errors='replace')


def refused(cluster, config, *words, arguments=()):
    code, output = run_with(cluster, config if isinstance(config, (str, bytes)) else json.dumps(config), *arguments)
    expect(code == 1, 'exit code %d, not 1: %s' % (code, output))
    for word in words:
        expect(word in output, 'no "%s" in: %s' % (word, output))
    expect('lab-super' not in output and 'lab-replication' not in output, 'a password is in the message')


def configuration_files(agent, ctl):
    with Cluster([OURS], agent, ctl, BASE) as cluster:
        good = cluster.nodes[0].config()

        def but(**changes):
            return {k: v for k, v in {**good, **changes}.items() if v is not None}

        refused(cluster, 'scope: [unclosed\nname: x', 'bad.yml:2:')               # broken YAML
        refused(cluster, 'just a text', 'bad.yml')                               # not a mapping
        refused(cluster, b'scope: \xff\xfe', 'bad.yml')                          # not UTF-8
        refused(cluster, '', 'bad.yml')
        refused(cluster, but(scope=None), 'scope')
        refused(cluster, but(restapi={'listen': '127.0.0.1:99999999'}), 'restapi', '99999999')
        refused(cluster, but(etcd3=None), 'etcd3')
        refused(cluster, but(frobnicate=1), 'frobnicate', arguments=('--validate-config', '-i'))   # an unknown key
        refused(cluster, but(name=['a']), 'name', arguments=('--validate-config', '-i'))           # a wrong type
        refused(cluster, but(postgresql={**good['postgresql'], 'bin_dir': '/nonexistent/bin'}), '/nonexistent/bin',
                arguments=('--validate-config', '-i'))


def busy_port(agent, ctl):
    with Cluster([OURS], agent, ctl, BASE) as cluster, socket.socket() as other:
        other.bind(('127.0.0.1', cluster.nodes[0].rest_port))
        other.listen()
        refused(cluster, cluster.nodes[0].config(), '127.0.0.1:%d' % cluster.nodes[0].rest_port)


def message_of_a_node(cluster, words, **postgresql):
    """A node with such a postgresql section stays alive, says what is wrong, and makes no cluster."""
    node = cluster.nodes[0]
    node.extra = {'postgresql': {**node.config()['postgresql'], **postgresql}}
    node.start()
    wait_for('a message with %s' % words, lambda: all(w in node.log_text() for w in words), 20)
    node.kill()


def missing_binary(agent, ctl):
    with Cluster([OURS], agent, ctl, BASE) as cluster:
        message_of_a_node(cluster, ['/nonexistent/bin'], bin_dir='/nonexistent/bin')


def unreadable_data_directory(agent, ctl):
    with Cluster([OURS], agent, ctl, BASE) as cluster:
        node = cluster.nodes[0]
        os.makedirs(node.data)
        with open(os.path.join(node.data, 'something'), 'w') as f:
            f.write('x')
        os.chmod(node.data, 0)
        try:
            node.start()
            wait_for('a message that names the directory', lambda: node.data in node.log_text(), 20)
            expect(node.process.poll() is None, 'the agent ended')
        finally:
            node.kill()
            os.chmod(node.data, 0o700)


# --- the REST API

def rest_bodies(agent, ctl):
    with Cluster([OURS], agent, ctl, BASE) as cluster:
        node = cluster.nodes[0].start()
        cluster.wait_healthy()
        log_before = len(node.log_text())
        for method, path in (('POST', '/switchover'), ('POST', '/failover'), ('PATCH', '/config'), ('PUT', '/config'),
                             ('POST', '/restart'), ('POST', '/failsafe')):
            for body in (b'{no json', b'\xff\xfe', b'[1, 2]', b'"text"'):
                code, text = node.rest(path, method, body, raw=True)
                expect(400 <= code < 600, '%s %s %r: %d %s' % (method, path, body, code, text))
            code, text = node.rest(path, method, b'{"a": "' + b'x' * (64 << 20) + b'"}', raw=True)
            expect(code in (0, 400, 413), '%s %s with 64 MB: %d' % (method, path, code))
        for document in ({'ttl': 'soon'}, {'postgresql': 'none'}, {'loop_wait': []}):
            code, text = node.rest('/config', 'PATCH', document)
            expect(code == 200 or any(k in text for k in document), '%s: %d %s' % (document, code, text))
        expect(cluster.wait_healthy(15) is node, 'the node leads as before')
        expect('demot' not in node.log_text()[log_before:], 'it demoted')


# --- the store

def put(cluster, key, value):
    body = {'key': base64.b64encode(('/service/lab/' + key).encode()).decode(), 'value': base64.b64encode(value).decode()}
    connection = http.client.HTTPConnection('127.0.0.1', cluster.etcd_port, timeout=10)
    connection.request('POST', '/v3/kv/put', json.dumps(body))
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status == 200


# DCS-009; members/<name> of a stranger and of a member.
KEYS = ['leader', 'initialize', 'config', 'failover', 'history', 'status', 'optime/leader', 'sync', 'failsafe', 'members/stranger',
        'members/node2']
BIG = 1_400_000     # about the most that etcd takes in one request
GARBAGE = {'empty': b'', 'not UTF-8': b'\xff\xfe\x00\x80', 'wrong type': b'[[["x"]], 17]', 'a number': b'17', 'null': b'null',
           'broken JSON': b'{"leader": ', 'huge': b'"' + b'x' * BIG + b'"'}


def store_keys(agent, ctl):
    timing = {'ttl': 10, 'loop_wait': 0.3, 'retry_timeout': 3}
    with Cluster([OURS, OURS], agent, ctl, BASE, dcs={**timing, 'postgresql': {'use_pg_rewind': True}}) as cluster:
        first = cluster.nodes[0].start()
        wait_for('a leader', cluster.leader, 60)
        cluster.nodes[1].start()
        cluster.wait_healthy()
        identity = first.status()['database_system_identifier']
        config = first.rest('/config')[1]
        begin = {n: len(n.log_text()) for n in cluster.nodes}
        for key in KEYS:
            for kind, value in GARBAGE.items():
                expect(put(cluster, key, value), 'etcd takes %s = %s' % (key, kind))
                seen = time.monotonic()
                # Two loops later the leader is the same, writes are taken, both agents live.
                wait_for('two loops of both nodes', lambda s=seen: time.monotonic() - s > 0.7, 5)
                expect(all(n.process.poll() is None for n in cluster.nodes), '%s = %s ended an agent' % (key, kind))
                expect(first.sql('select pg_is_in_recovery()') == ['f'], '%s = %s: the primary is gone' % (key, kind))
            if key == 'initialize':
                put(cluster, key, identity.encode())
            if key == 'config':
                put(cluster, key, config.encode())
        for node in cluster.nodes:
            text = node.log_text()[begin[node]:]
            expect('demot' not in text, 'a node demoted: ' + text[-2000:])
        expect('failover' in first.log_text()[begin[first]:], 'complaints are logged')
        put(cluster, 'failover', b'{}')
        put(cluster, 'sync', b'{}')
        expect(cluster.wait_healthy() is first, 'the cluster is whole again')


if __name__ == '__main__':
    sys.exit(main([configuration_files, busy_port, missing_binary, unreadable_data_directory, rest_bodies, store_keys], sys.argv))
