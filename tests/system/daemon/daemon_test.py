#!/usr/bin/python3
"""The agent as a process: its command line, the files it writes, its log, how it ends, and as process 1.

    daemon_test.py AGENT CTL [TEST...]
"""
import os
import re
import signal
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lab'))
from lab import OURS, Cluster, Failure, main, wait_for  # noqa: E402

BASE = int(os.environ.get('LAB_PORTS', '26300'))


def expect(condition, what):
    if not condition:
        raise Failure(what)


def run(agent, *arguments, **options):
    result = subprocess.run([agent, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                            timeout=60, universal_newlines=True, start_new_session=True, **options)
    return result.returncode, result.stdout, result.stderr


def mode_of(*path):
    return stat.S_IMODE(os.stat(os.path.join(*path)).st_mode)


def started(cluster):
    node = cluster.nodes[0].start()
    wait_for('a leader', cluster.leader, 60)
    wait_for('the dynamic configuration is kept', lambda: os.path.exists(os.path.join(node.data, 'patroni.dynamic.json')), 10)
    return node


def command_line(agent, ctl):          # CFG-373..376
    expect(run(agent, '--version')[1].startswith('matriarch '), '--version')
    code, text, _ = run(agent, '--help')
    expect(code == 0 and '--generate-config' in text and 'PATRONI_CONFIGURATION' in text, '--help: ' + text)
    for wrong in (['--generate-config', '--validate-config'], ['--dsn'], ['--what'], ['a.yml', 'b.yml']):
        code, out, errors = run(agent, *wrong)
        expect(code == 2 and not out and 'usage:' in errors and 'error:' in errors, '%s: %d %s' % (wrong, code, errors))


def generated_configuration(agent, ctl):          # CFG-402, CFG-407..411
    code, text, _ = run(agent, '--generate-sample-config', '--dsn', 'ignored')
    expect(code == 0 and text.startswith('scope:') and not text.endswith('\n'), 'the sample: ' + text)
    with Cluster([OURS], agent, ctl, BASE) as cluster:
        node = started(cluster)
        dsn = 'host=127.0.0.1 port=%d user=postgres password=secret dbname=postgres' % node.pg_port
        path = os.path.join(cluster.dir, 'some', 'folder', 'new.yml')
        code, out, errors = run(agent, '--generate-config', '--dsn', dsn, path)
        expect(code == 0 and not out, '%d %s %s' % (code, out, errors))
        expect(mode_of(path) == 0o600, 'mode')
        with open(path) as f:
            text = f.read()
        for line in ('scope: lab', 'data_dir: ' + node.data, 'bin_dir: ' + cluster.bindir,
                     'listen: 127.0.0.1:%d' % node.pg_port, 'shared_buffers: 16MB', "max_connections: '50'",
                     'password: secret', '- local all all trust', 'hba_file: %s/pg_hba.conf' % node.data):
            expect(re.search('^ *' + re.escape(line) + '$', text, re.M), 'no line "%s" in %s' % (line, text))
        environment = {**os.environ, 'PGHOST': '127.0.0.1', 'PGPORT': str(node.pg_port), 'PGUSER': 'postgres'}
        code, out, errors = run(agent, '--generate-config', env=environment)
        expect(code == 0 and 'scope: lab' in out, '%d %s %s' % (code, out, errors))

        node.sql('create role nobody login')
        for wrong, message in ((dsn.replace('user=postgres', 'user=nobody'), 'does not have superuser privilege'),
                               ('a b c', 'Failed to parse DSN string'),
                               (dsn.replace(str(node.pg_port), '1'), 'Failed to establish PostgreSQL connection: ')):
            code, out, errors = run(agent, '--generate-config', '--dsn', wrong)
            expect(code == 1 and not out and message in errors and 'secret' not in errors, '%d %s' % (code, errors))


def modes_of_files(agent, ctl):          # CFG-329, CFG-420
    for option, mode in ((None, 0o600), ('allow-group-access', 0o640)):
        with Cluster([OURS], agent, ctl, BASE) as cluster:
            node = cluster.nodes[0]
            bootstrap = node.config()['bootstrap']
            log_dir = os.path.join(cluster.dir, 'log')
            os.mkdir(log_dir)
            node.extra = {'bootstrap': {**bootstrap, 'initdb': bootstrap['initdb'] + ([option] if option else [])},
                          'log': {'dir': log_dir}}
            former = os.umask(0o022)
            try:
                started(cluster)
            finally:
                os.umask(former)
            for name in ('patroni.dynamic.json', 'postgresql.conf', 'pg_hba.conf', 'postgresql.conf.backup'):
                expect(mode_of(node.data, name) == mode, '%s has mode %o, not %o' % (name, mode_of(node.data, name), mode))
            expect(mode_of(log_dir, 'patroni.log') == 0o644, 'the log goes by the umask of the start')
            with open('/proc/%d/status' % node.process.pid) as f:
                umask = re.search(r'^Umask:\s+(\d+)', f.read(), re.M).group(1)
            expect(int(umask, 8) == (0o027 if option else 0o077), 'umask ' + umask)


def log_of_quiet_cycles(agent, ctl):          # CFG-441, CFG-443
    with Cluster([OURS, OURS], agent, ctl, BASE) as cluster:
        node = started(cluster)
        cluster.nodes[1].start()
        cluster.wait_healthy()
        quiet = 'INFO: no action. I am (node1), the leader with the lock'
        wait_for('a quiet cycle', lambda: quiet in node.log_text(), 10)
        begin = len(node.log_text())
        time.sleep(5.5)                          # what is measured is how much is logged in it
        lines = node.log_text()[begin:].count(quiet)
        expect(4 <= lines <= 7, '%d lines in 5.5 loops' % lines)
        expect('Lock owner: node1' not in node.log_text()[begin:], 'quiet cycles do not name the owner')
        expect(re.search('INFO: Lock owner: (None|node1); I am node2\n', cluster.nodes[1].log_text()), 'others do')


def rest_ends_before_the_server(agent, ctl):          # API-012
    with Cluster([OURS], agent, ctl, BASE) as cluster:
        node = cluster.nodes[0]
        seen = os.path.join(cluster.dir, 'seen')
        script = os.path.join(cluster.dir, 'look')
        with open(script, 'w', opener=lambda p, f: os.open(p, f, 0o755)) as f:
            f.write('#!/bin/bash\n(exec 3<>/dev/tcp/127.0.0.1/%d) 2>/dev/null && echo open >%s || echo closed >%s\n'
                    % (node.rest_port, seen, seen))
        node.extra = {'postgresql': {**node.config()['postgresql'], 'before_stop': script}}
        started(cluster)
        os.kill(node.process.pid, signal.SIGTERM)
        os.kill(node.process.pid, signal.SIGTERM)          # CFG-412: further ones are ignored
        expect(node.process.wait(30) == 0, 'exit code %s' % node.process.returncode)
        with open(seen) as f:
            expect(f.read() == 'closed\n', 'the REST API still took connections')
        expect(not node.server_pids(), 'the server was stopped')


def first_process(agent, ctl):          # CFG-415
    inside = ['unshare', '--user', '--pid', '--fork', '--mount-proc', '--kill-child']
    if subprocess.run([*inside[:4], 'true'], stderr=subprocess.DEVNULL).returncode != 0:
        print('skip first_process: no namespaces here')
        return
    inside = inside[:4]
    with Cluster([OURS], agent, ctl, BASE) as cluster:
        node = cluster.nodes[0]
        wrong = os.path.join(cluster.dir, 'wrong.yml')
        with open(wrong, 'w') as f:
            f.write('scope: x\n')
        code, _, errors = run(inside[0], *inside[1:], agent, wrong)
        expect(code == 1 and 'exit status=1' in errors, 'the exit code is passed on: %d %s' % (code, errors))

        node.start()                              # writes the file
        node.kill()
        with open(node.log, 'ab') as log:
            outer = subprocess.Popen([*inside, agent, node.config_file], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                     start_new_session=True, cwd=cluster.dir)
        try:
            wait_for('a leader', lambda: node.status().get('role') == 'primary', 60)
            with open('/proc/%d/task/%d/children' % (outer.pid, outer.pid)) as f:
                init = int(f.read().split()[0])
            with open('/proc/%d/task/%d/children' % (init, init)) as f:
                expect(len(f.read().split()) >= 1, 'the daemon is a child')
            os.kill(init, signal.SIGHUP)
            wait_for('the reload', lambda: 'No local configuration items changed' in node.log_text(), 10)
            os.kill(init, signal.SIGTERM)
            expect(outer.wait(30) == 0, 'exit code %s' % outer.returncode)
            expect('Reaped pid=' in node.log_text(), 'the dead are logged')
        finally:
            outer.kill()
            outer.wait()


if __name__ == '__main__':
    sys.exit(main([command_line, generated_configuration, modes_of_files, log_of_quiet_cycles, rest_ends_before_the_server,
                   first_process], sys.argv))
