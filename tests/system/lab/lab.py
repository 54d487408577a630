"""A cluster of real agents, PostgreSQL servers and an etcd on loopback, for tests that are scripts.

Each node may be one of ours or Debian's `patroni`. Everything lives in a folder of its own and is killed and removed at the
end. Only the standard library is used. PostgreSQL refuses root: started by root, the test becomes user postgres first.
"""
import http.client
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from asking import Failure, ask, document, newest_bindir, wait_for  # noqa: F401  (tests import Failure from here)

OURS, PATRONI = 'matriarch', 'patroni'


def become_postgres():
    if os.geteuid() == 0:
        user = pwd.getpwnam('postgres')
        os.initgroups('postgres', user.pw_gid)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        os.environ.update(HOME='/tmp', USER='postgres', LOGNAME='postgres')
    for name in [n for n in os.environ if n.startswith(('PATRONI', 'PG'))]:
        del os.environ[name]
    os.environ['LC_ALL'] = 'C.UTF-8'


class Node:
    def __init__(self, cluster, number, kind):
        self.cluster, self.kind, self.name = cluster, kind, 'node%d' % number
        self.pg_port = cluster.base + 10 + number
        self.rest_port = cluster.base + 20 + number
        self.data = os.path.join(cluster.dir, self.name)
        self.config_file = os.path.join(cluster.dir, self.name + '.yml')
        self.log = os.path.join(cluster.dir, self.name + '.log')
        self.process = None
        self.extra = {}

    def config(self):
        c = self.cluster
        config = {
            'scope': 'lab', 'name': self.name,
            'restapi': {'listen': '127.0.0.1:%d' % self.rest_port, 'connect_address': '127.0.0.1:%d' % self.rest_port},
            'etcd3': {'hosts': ['127.0.0.1:%d' % c.etcd_port]},
            'bootstrap': {'dcs': c.dcs, 'initdb': [{'encoding': 'UTF8'}, 'data-checksums'],
                          'pg_hba': c.hba},
            'postgresql': {
                'listen': '127.0.0.1:%d' % self.pg_port, 'connect_address': '127.0.0.1:%d' % self.pg_port,
                'data_dir': self.data, 'bin_dir': c.bindir, 'pgpass': os.path.join(c.dir, self.name + '.pgpass'),
                'authentication': {'superuser': {'username': 'postgres', 'password': 'lab-super'},
                                   'replication': {'username': 'replicator', 'password': 'lab-replication'},
                                   'rewind': {'username': 'rewinder', 'password': 'lab-rewind'}},
                'pg_hba': c.hba,
                'parameters': {'unix_socket_directories': c.dir, 'shared_buffers': '16MB'}}}
        for key, value in self.extra.items():
            config[key] = value
        return config

    def start(self):
        with open(self.config_file, 'w', opener=lambda p, f: os.open(p, f, 0o600)) as f:
            json.dump(self.config(), f)          # JSON is YAML
        program = self.cluster.agent if self.kind == OURS else '/usr/bin/patroni'
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen([program, self.config_file], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            start_new_session=True, cwd=self.cluster.dir)
        return self

    def rest(self, path, method='GET', body=None, timeout=30, raw=False):
        """As asking.ask()."""
        return ask('127.0.0.1', self.rest_port, path, method, body, timeout, raw)

    def status(self):
        return document(self.rest('/patroni', timeout=3))

    def sql(self, query):
        """Rows as text, or None if the server cannot be asked."""
        run = subprocess.run([os.path.join(self.cluster.bindir, 'psql'), '-XqAt', '-c', query,
                              'host=127.0.0.1 port=%d user=postgres dbname=postgres connect_timeout=2' % self.pg_port],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=30)
        return run.stdout.decode().splitlines() if run.returncode == 0 else None

    def server_pids(self):
        pids = []
        for entry in os.listdir('/proc'):
            if entry.isdigit():
                try:
                    if os.readlink('/proc/%s/cwd' % entry) == self.data and \
                            os.path.basename(os.readlink('/proc/%s/exe' % entry)).startswith('postgres'):
                        pids.append(int(entry))
                except OSError:
                    pass
        return pids

    def kill_server(self):
        for _ in range(3):                        # who was born meanwhile
            for pid in self.server_pids():
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass

    def kill(self):
        """The whole node: agent and server."""
        if self.process and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.kill_server()
        wait_for('the processes of ' + self.name + ' are gone', lambda: not self.server_pids(), 10)

    def log_text(self):
        with open(self.log, errors='replace') as f:
            return f.read()


class Cluster:
    def __init__(self, kinds, agent, ctl, base, dcs=None):
        self.base, self.agent, self.ctl = base, agent, ctl
        self.dir = tempfile.mkdtemp(prefix='matriarch-lab.')
        self.bindir = newest_bindir()
        self.etcd_port = base + 1
        self.dcs = dcs or {'ttl': 20, 'loop_wait': 1, 'retry_timeout': 3,
                           'postgresql': {'use_pg_rewind': True, 'parameters': {'wal_log_hints': 'on', 'max_connections': 50}}}
        self.hba = ['local all all trust', 'host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust']
        self.nodes = [Node(self, i + 1, kind) for i, kind in enumerate(kinds)]
        self.etcd = None

    def __enter__(self):
        urls = 'http://127.0.0.1:%d' % self.etcd_port, 'http://127.0.0.1:%d' % (self.etcd_port + 1)
        with open(os.path.join(self.dir, 'etcd.log'), 'wb') as log:
            self.etcd = subprocess.Popen(
                ['etcd', '--name', 'lab', '--data-dir', os.path.join(self.dir, 'etcd'), '--unsafe-no-fsync',
                 '--listen-client-urls', urls[0], '--advertise-client-urls', urls[0], '--listen-peer-urls', urls[1],
                 '--initial-advertise-peer-urls', urls[1], '--initial-cluster', 'lab=' + urls[1]],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        wait_for('etcd answers', self.etcd_answers, 20)
        return self

    def etcd_answers(self):
        try:
            connection = http.client.HTTPConnection('127.0.0.1', self.etcd_port, timeout=1)
            connection.request('GET', '/health')
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False

    def __exit__(self, kind, value, trace):
        if kind is not None:
            for node in self.nodes:
                if os.path.exists(node.log):
                    lines = node.log_text().splitlines()[-40:]
                    print('--- the end of the log of %s (%s)\n%s' % (node.name, node.kind, '\n'.join(lines)), file=sys.stderr)
        for node in self.nodes:
            if node.process and node.process.poll() is None:
                node.process.kill()
                node.process.wait()
        for node in self.nodes:
            node.kill_server()
        if self.etcd:
            self.etcd.kill()
            self.etcd.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def node(self, name):
        return next(n for n in self.nodes if n.name == name)

    def view_of(self, node):
        """/cluster as this node shows it: {name: member}, or {}"""
        code, text = node.rest('/cluster', timeout=3)
        try:
            return {m['name']: m for m in json.loads(text)['members']} if code == 200 else {}
        except (ValueError, KeyError):
            return {}

    def alive(self):
        return [n for n in self.nodes if n.process and n.process.poll() is None]

    def leader(self):
        """The node that all living nodes' views and its own server agree to lead, or None."""
        names = set()
        for node in self.alive():
            leaders = [m for m in self.view_of(node).values() if m['role'] in ('leader', 'master', 'primary')]
            names.add(leaders[0]['name'] if len(leaders) == 1 else None)
        if len(names) != 1 or None in names:
            return None
        leader = self.node(names.pop())
        return leader if leader.sql('select pg_is_in_recovery()') == ['f'] else None

    def healthy(self):
        """The leader, if all other living nodes stream from it on its timeline."""
        leader = self.leader()
        if leader is None:
            return None
        others = [n for n in self.alive() if n is not leader]
        rows = leader.sql("select application_name from pg_stat_replication where state = 'streaming'")
        if rows is None or sorted(rows) != sorted(n.name for n in others):
            return None
        return leader if all(self.view_of(n).get(n.name, {}).get('state') in ('streaming', 'running') for n in others) else None

    def wait_healthy(self, seconds=90):
        return wait_for('one leader and all others streaming', self.healthy, seconds)

    def run_ctl(self, kind, *arguments, node=None):
        program = self.ctl if kind == OURS else '/usr/bin/patronictl'
        config = (node or self.alive()[0]).config_file
        return subprocess.run([program, '-c', config, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, timeout=90, universal_newlines=True)


def main(tests, argv):
    """Runs the given functions with (agent, ctl); prints a line for each; the closing line counts them."""
    # The checkout may be where only its owner may look; the programs must be where the servers' user may run them.
    programs = tempfile.mkdtemp(prefix='matriarch-programs.')
    os.chmod(programs, 0o755)
    agent, ctl = (shutil.copy(p, programs) for p in argv[1:3])
    guardian = os.path.join(os.path.dirname(argv[1]), 'matriarch-guardian')
    if os.path.isfile(guardian):
        shutil.copy(guardian, programs)
    try:
        pid = os.fork()                       # root stays behind to clean up
        if pid == 0:
            os._exit(run_all(tests, agent, ctl, argv[3:]))
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        shutil.rmtree(programs, ignore_errors=True)


def run_all(tests, agent, ctl, wanted):
    become_postgres()
    failed = 0
    run = [t for t in tests if not wanted or t.__name__ in wanted]
    for test in run:
        begin = time.monotonic()
        try:
            test(agent, ctl)
            print('ok   %s (%.1f s)' % (test.__name__, time.monotonic() - begin), flush=True)
        except Exception as e:  # pylint: disable=broad-except
            failed += 1
            print('FAIL %s (%.1f s): %s: %s' % (test.__name__, time.monotonic() - begin, type(e).__name__, e), flush=True)
    print('%d passed, %d failed' % (len(run) - failed, failed), flush=True)
    return 1 if failed or not run else 0
