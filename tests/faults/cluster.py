"""Three nodes, each on a machine of its own (net.py), with a store beside them or an etcd in each, and what can be done to
them."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import psycopg2

import net
from disk import Disk
from etcd import Etcd
from probes import TABLE

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'system', 'lab'))
from asking import ask, document, newest_bindir, wait_for  # noqa: E402

PROFILES = {'default': (30, 10, 10), 'fast': (20, 1, 3), 'turbo': (3, 0.5, 1)}
NODE_DISK, ETCD_DISK = 4096, 320        # MB


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


class StoreMember:
    def __init__(self, cluster, number):
        self.cluster, self.name = cluster, 's%d' % number
        self.machine = net.Machine(self.name, '10.77.0.%d' % (10 + number))
        self.etcd = Etcd(self.machine.address)
        self.process = None

    def url(self, port):
        return 'http://%s:%d' % (self.machine.address, port)

    def start(self):
        members = ','.join('%s=%s' % (m.name, m.url(2380)) for m in self.cluster.store)
        with open(os.path.join(self.cluster.dir, self.name + '.log'), 'ab') as log:
            self.process = subprocess.Popen(self.machine.command([
                'etcd', '--name', self.name, '--data-dir', os.path.join(self.cluster.dir, self.name), '--unsafe-no-fsync',
                '--heartbeat-interval', '50', '--election-timeout', '300',     # as managed etcds have it
                '--listen-client-urls', self.url(2379) + ',http://127.0.0.1:2379', '--advertise-client-urls', self.url(2379),
                '--listen-peer-urls', self.url(2380), '--initial-advertise-peer-urls', self.url(2380),
                '--initial-cluster', members]), stdout=log, stderr=log, stdin=subprocess.DEVNULL)


class Node:
    def __init__(self, cluster, number):
        self.cluster, self.name = cluster, 'n%d' % number
        self.machine = net.Machine(self.name, '10.77.0.%d' % number)
        self.dir = os.path.join(cluster.dir, self.name)
        self.data = os.path.join(self.dir, 'data')
        self.log = os.path.join(self.dir, 'agent.log')
        self.etcd = Etcd(self.machine.address)              # a managed one
        self.etcd_home = os.path.join(cluster.dir, self.name + '.etcd')
        self.config_file = os.path.join(self.dir, 'matriarch.yml')
        self.disk = None
        self.process = None
        self.environment = {}

    def dsn(self):
        return 'host=%s port=5432 user=postgres dbname=postgres connect_timeout=2' % self.machine.address

    def store_config(self):
        c = self.cluster
        if not c.managed:
            return {'hosts': ['%s:2379' % m.machine.address for m in c.store]}
        return {'managed': True, 'data_dir': self.etcd_home, 'partners': ['%s:8008' % n.machine.address for n in c.nodes]}

    def config(self):
        c, address = self.cluster, self.machine.address
        ttl, loop_wait, retry_timeout = c.profile
        hba = ['local all all trust', 'host all all 10.77.0.0/24 trust', 'host replication all 10.77.0.0/24 trust']
        dcs = {'ttl': ttl, 'loop_wait': loop_wait, 'retry_timeout': retry_timeout, 'failsafe_mode': c.failsafe,
               'synchronous_mode': c.synchronous,
               'postgresql': {'use_pg_rewind': True, 'parameters': {'wal_log_hints': 'on', 'max_connections': c.connections}}}
        return {
            'scope': 'faults', 'name': self.name,
            'restapi': {'listen': address + ':8008', 'connect_address': address + ':8008'},
            'etcd3': self.store_config(),
            'guardian': c.guardian,
            'bootstrap': {'dcs': dcs, 'initdb': [{'encoding': 'UTF8'}, 'data-checksums'], 'pg_hba': hba},
            'postgresql': {
                'listen': address + ':5432', 'connect_address': address + ':5432', 'data_dir': self.data,
                'bin_dir': c.bindir, 'pgpass': os.path.join(self.dir, 'pgpass'), 'pg_hba': hba,
                'authentication': {'superuser': {'username': 'postgres', 'password': 'faults-super'},
                                   'replication': {'username': 'replicator', 'password': 'faults-replication'}},
                'parameters': {'unix_socket_directories': self.dir, 'shared_buffers': '32MB'}}}

    def make_disk(self):
        """Under all that the node writes (`disk` of the cluster: node), or under its etcd."""
        image = os.path.join(self.cluster.dir, self.name + '.image')
        if self.cluster.disk:
            self.disk = Disk(image, *((self.dir, NODE_DISK) if self.cluster.disk == 'node' else (self.etcd_home, ETCD_DISK)))
            self.disk.make()

    def start(self):
        os.makedirs(self.dir, exist_ok=True)
        shutil.chown(self.dir, 'postgres', 'postgres')
        with open(self.config_file, 'w', opener=lambda p, f: os.open(p, f, 0o600)) as f:
            json.dump(self.config(), f)      # JSON is YAML
        shutil.chown(self.config_file, 'postgres', 'postgres')
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(self.machine.command([self.cluster.agent, self.config_file]), stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                                            cwd=self.cluster.dir,
                                            env={**os.environ, 'HOME': '/tmp', 'LC_ALL': 'C.UTF-8', **self.environment})

    def rest(self, path, method='GET', body=None, timeout=5):
        return ask(self.machine.address, 8008, path, method, body, timeout)

    def status(self):
        return document(self.rest('/patroni', timeout=2))

    def votes(self):
        """Its managed etcd runs, and has a vote."""
        store = document(self.rest('/store', timeout=2))
        return store.get('doing') == 'running' and not store.get('learner')

    def sql(self, query):
        """The first column, as text; None if the server cannot be asked."""
        try:
            connection = psycopg2.connect(self.dsn())
            try:
                connection.autocommit = True
                cursor = connection.cursor()
                cursor.execute(query)
                return [str(row[0]) for row in cursor.fetchall()] if cursor.description else []
            finally:
                connection.close()
        except psycopg2.Error:
            return None

    def _pids(self, matches):
        found = []
        for entry in os.listdir('/proc'):
            if entry.isdigit():
                try:
                    if matches('/proc/' + entry):
                        found.append(int(entry))
                except OSError:
                    pass
        return found

    def server_pids(self):
        return self._pids(lambda p: os.readlink(p + '/cwd') == self.data and
                          os.path.basename(os.readlink(p + '/exe')).split()[0] == 'postgres')

    def postmaster(self):
        try:
            with open(os.path.join(self.data, 'postmaster.pid')) as f:
                return int(f.readline())
        except (OSError, ValueError):
            return None

    def _pids_of(self, program):
        """Of the processes on this machine that run it."""
        return self._pids(lambda p: os.path.samefile(p + '/ns/net', '/run/netns/' + self.machine.name) and
                          os.path.basename(os.readlink(p + '/exe')) == program)

    def agent_pids(self):
        return self._pids_of(os.path.basename(self.cluster.agent))

    def guardian_pids(self):
        return self._pids_of('matriarch-guardian')

    def etcd_pids(self):
        return self._pids_of('etcd')

    def all_pids(self):
        return self.guardian_pids() + self.agent_pids() + self.etcd_pids() + self.server_pids()

    def kill(self):
        """The whole node: who would start the others again goes first."""
        for _ in range(3):
            send(self.all_pids(), signal.SIGKILL)
        if self.process:
            self.process.wait()

    def freeze(self):
        send(self.all_pids(), signal.SIGSTOP)
        send(self.all_pids(), signal.SIGSTOP)

    def thaw(self):
        send(self.all_pids(), signal.SIGCONT)


class Cluster:
    """`store`: how many store members beside the nodes. `managed`: none, each node has an etcd of its own. `disk`: 'node' or
    'etcd', what of each node lives on a volume of its own."""

    def __init__(self, agent, ctl, logs=None, profile='fast', store=1, managed=False, failsafe=False, guardian='on',
                 connections=100, disk=None, synchronous=False):
        self.agent, self.ctl, self.logs, self.profile = agent, ctl, logs, PROFILES[profile]
        self.managed, self.failsafe, self.guardian, self.connections, self.disk = managed, failsafe, guardian, connections, disk
        self.synchronous = synchronous
        self.bindir = newest_bindir()
        self.dir = tempfile.mkdtemp(prefix='matriarch-faults.')
        shutil.chown(self.dir, 'postgres', 'postgres')
        self.store = [] if managed else [StoreMember(self, i + 1) for i in range(store)]
        self.nodes = [Node(self, i + 1) for i in range(3)]

    def __enter__(self):
        try:
            return self._start()
        except BaseException:
            self.__exit__(True)
            raise

    def _start(self):
        for member in self.store:
            member.machine.make()
            member.start()
        if self.store:
            wait_for('the store has a leader', self.store_leader, 20)
        for node in self.nodes:
            node.machine.make()
            node.make_disk()
            node.start()
        self.wait_healthy(90)
        self.leader().sql(TABLE)
        return self

    def __exit__(self, kind, *_):
        for node in self.nodes:
            if node.disk:
                node.disk.thaw()
            if kind is not None and os.path.exists(node.log):
                print('--- the end of the log of %s\n%s' % (node.name, self.tail(node.log)))
            if self.logs and os.path.exists(node.log):
                os.makedirs(self.logs, exist_ok=True)
                shutil.copy(node.log, os.path.join(self.logs, node.name + '.log'))
        for machine in [m.machine for m in self.store + self.nodes]:
            machine.remove()
        for one in [m for m in self.store + self.nodes if m.process]:
            one.process.wait()
        for disk in [n.disk for n in self.nodes if n.disk]:
            disk.remove()
        shutil.rmtree(self.dir, ignore_errors=True)

    @staticmethod
    def tail(path, lines=60):
        with open(path, errors='replace') as f:
            return ''.join(f.readlines()[-lines:])

    def others(self, node):
        return [n for n in self.nodes if n is not node]

    def etcds(self):
        """Whoever runs one: store members or nodes."""
        return self.nodes if self.managed else self.store

    def store_leader(self):
        return next((m for m in self.etcds() if m.etcd.is_leader()), None)

    def lead_store(self, member):
        """Makes it the leader of the store."""
        def leads():
            leader = self.store_leader()
            if leader and leader is not member:
                leader.etcd.hand_over(member.etcd.member_id())
            return leader is member
        wait_for('%s leads the store' % member.name, leads, 20)

    def run_ctl(self, node, *arguments):
        """matriarchctl, on that node."""
        run = subprocess.run(node.machine.command([self.ctl, '-c', node.config_file, *arguments]), stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=60, universal_newlines=True)
        if run.returncode != 0:
            raise AssertionError('matriarchctl %s: %s' % (' '.join(arguments), run.stdout))
        return run.stdout

    def leader(self):
        """The one server that says it is a primary, if its agent says so too."""
        primaries = [n for n in self.nodes if n.rest('/primary', timeout=1)[0] == 200]
        return primaries[0] if len(primaries) == 1 and primaries[0].sql('SELECT pg_is_in_recovery()') == ['False'] else None

    def healthy(self):
        leader = self.leader()
        rows = leader.sql("SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'") if leader else None
        complete = rows is not None and sorted(rows) == sorted(n.name for n in self.others(leader))
        if complete and self.synchronous:
            complete = bool(leader.sql("SELECT 1 FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')"))
        return leader if complete and (not self.managed or all(n.votes() for n in self.nodes)) else None

    def wait_healthy(self, seconds=60):
        return wait_for('one primary and both others streaming from it', self.healthy, seconds)

    def heal(self):
        for machine in [m.machine for m in self.store + self.nodes]:
            machine.heal()
        for member in self.store:
            send([member.process.pid], signal.SIGCONT)
            if member.process.poll() is not None:
                member.start()
        for node in self.nodes:
            if node.disk:
                node.disk.thaw()
                node.disk.drain()
            node.thaw()
            if not node.agent_pids():
                if node.process:
                    node.process.wait()
                node.start()
        return self.wait_healthy(90)
