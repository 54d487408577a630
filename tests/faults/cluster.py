"""Three nodes and three store members, each on a machine of its own (net.py), and what can be done to them."""
import glob
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

import psycopg2

import net
from probes import TABLE

PROFILES = {'default': (30, 10, 10), 'fast': (20, 1, 3), 'turbo': (3, 0.5, 1)}


class Failure(AssertionError):
    pass


def wait_for(what, condition, seconds=60, every=0.02):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise Failure('not within %d s: %s' % (seconds, what))
        time.sleep(every)


def newest_bindir():
    return max(glob.glob('/usr/lib/postgresql/*/bin'), key=lambda d: int(d.split('/')[4]))


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
        self.process = None

    def url(self, port):
        return 'http://%s:%d' % (self.machine.address, port)

    def start(self):
        members = ','.join('%s=%s' % (m.name, m.url(2380)) for m in self.cluster.store)
        with open(os.path.join(self.cluster.dir, self.name + '.log'), 'ab') as log:
            self.process = subprocess.Popen(self.machine.command([
                'etcd', '--name', self.name, '--data-dir', os.path.join(self.cluster.dir, self.name), '--unsafe-no-fsync',
                '--heartbeat-interval', '50', '--election-timeout', '500',
                '--listen-client-urls', self.url(2379) + ',http://127.0.0.1:2379', '--advertise-client-urls', self.url(2379),
                '--listen-peer-urls', self.url(2380), '--initial-advertise-peer-urls', self.url(2380),
                '--initial-cluster', members]), stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def post(self, path, body, timeout=2):
        connection = http.client.HTTPConnection(self.machine.address, 2379, timeout=timeout)
        try:
            connection.request('POST', path, json.dumps(body))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def status(self):
        try:
            return self.post('/v3/maintenance/status', {})
        except (OSError, ValueError, http.client.HTTPException):
            return {}

    def is_leader(self):
        status = self.status()
        return bool(status) and status.get('leader') == status['header']['member_id']


class Node:
    def __init__(self, cluster, number):
        self.cluster, self.name = cluster, 'n%d' % number
        self.machine = net.Machine(self.name, '10.77.0.%d' % number)
        self.dir = os.path.join(cluster.dir, self.name)
        self.data = os.path.join(self.dir, 'data')
        self.log = os.path.join(cluster.dir, self.name + '.log')
        self.process = None
        self.environment = {}

    def dsn(self):
        return 'host=%s port=5432 user=postgres dbname=postgres connect_timeout=2' % self.machine.address

    def config(self):
        c, address = self.cluster, self.machine.address
        ttl, loop_wait, retry_timeout = c.profile
        hba = ['local all all trust', 'host all all 10.77.0.0/24 trust', 'host replication all 10.77.0.0/24 trust']
        dcs = {'ttl': ttl, 'loop_wait': loop_wait, 'retry_timeout': retry_timeout, 'failsafe_mode': c.failsafe,
               'postgresql': {'use_pg_rewind': True, 'parameters': {'wal_log_hints': 'on', 'max_connections': c.connections}}}
        return {
            'scope': 'faults', 'name': self.name,
            'restapi': {'listen': address + ':8008', 'connect_address': address + ':8008'},
            'etcd3': {'hosts': ['%s:2379' % m.machine.address for m in c.store]},
            'guardian': c.guardian,
            'bootstrap': {'dcs': dcs, 'initdb': [{'encoding': 'UTF8'}, 'data-checksums'], 'pg_hba': hba},
            'postgresql': {
                'listen': address + ':5432', 'connect_address': address + ':5432', 'data_dir': self.data,
                'bin_dir': c.bindir, 'pgpass': os.path.join(self.dir, 'pgpass'), 'pg_hba': hba,
                'authentication': {'superuser': {'username': 'postgres', 'password': 'faults-super'},
                                   'replication': {'username': 'replicator', 'password': 'faults-replication'}},
                'parameters': {'unix_socket_directories': self.dir, 'shared_buffers': '32MB'}}}

    def start(self):
        os.makedirs(self.dir, exist_ok=True)
        shutil.chown(self.dir, 'postgres', 'postgres')
        path = os.path.join(self.dir, 'matriarch.yml')
        with open(path, 'w', opener=lambda p, f: os.open(p, f, 0o600)) as f:
            json.dump(self.config(), f)      # JSON is YAML
        shutil.chown(path, 'postgres', 'postgres')
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(self.machine.command([self.cluster.agent, path]), stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.cluster.dir,
                                            env={**os.environ, 'HOME': '/tmp', 'LC_ALL': 'C.UTF-8', **self.environment})

    def rest(self, path, method='GET', body=None, timeout=5):
        connection = http.client.HTTPConnection(self.machine.address, 8008, timeout=timeout)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors='replace')
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)
        finally:
            connection.close()

    def status(self):
        code, text = self.rest('/patroni', timeout=2)
        try:
            return json.loads(text) if code else {}
        except ValueError:
            return {}

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

    def _in_here(self, path):
        with open(path + '/cmdline', 'rb') as f:
            words = f.read().decode(errors='replace')
        return os.path.samefile(path + '/ns/net', '/run/netns/' + self.machine.name), words

    def agent_pids(self):
        def matches(path):
            here, _ = self._in_here(path)
            return here and os.path.basename(os.readlink(path + '/exe')) == os.path.basename(self.cluster.agent)
        return self._pids(matches)

    def guardian_pids(self):
        def matches(path):
            here, _ = self._in_here(path)
            return here and os.path.basename(os.readlink(path + '/exe')) == 'matriarch-guardian'
        return self._pids(matches)

    def all_pids(self):
        return self.agent_pids() + self.guardian_pids() + self.server_pids()

    def kill(self):
        """The whole node: who would start the others again goes first."""
        for _ in range(3):
            send(self.guardian_pids(), signal.SIGKILL)
            send(self.agent_pids(), signal.SIGKILL)
            send(self.server_pids(), signal.SIGKILL)
        if self.process:
            self.process.wait()

    def freeze(self):
        send(self.all_pids(), signal.SIGSTOP)
        send(self.all_pids(), signal.SIGSTOP)

    def thaw(self):
        send(self.all_pids(), signal.SIGCONT)


class Cluster:
    def __init__(self, agent, profile='fast', store=1, failsafe=False, guardian='on', connections=100):
        self.agent, self.profile = agent, PROFILES[profile]
        self.failsafe, self.guardian, self.connections = failsafe, guardian, connections
        self.bindir = newest_bindir()
        self.dir = tempfile.mkdtemp(prefix='matriarch-faults.')
        shutil.chown(self.dir, 'postgres', 'postgres')
        self.store = [StoreMember(self, i + 1) for i in range(store)]
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
        wait_for('the store has a leader', lambda: any(m.is_leader() for m in self.store), 20)
        for node in self.nodes:
            node.machine.make()
            node.start()
        self.wait_healthy(90)
        self.leader().sql(TABLE)
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            for node in [n for n in self.nodes if os.path.exists(n.log)]:
                print('--- the end of the log of %s\n%s' % (node.name, self.tail(node.log)))
        for machine in [m.machine for m in self.store + self.nodes]:
            machine.remove()
        for one in [m for m in self.store + self.nodes if m.process]:
            one.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    @staticmethod
    def tail(path, lines=60):
        with open(path, errors='replace') as f:
            return ''.join(f.readlines()[-lines:])

    def others(self, node):
        return [n for n in self.nodes if n is not node]

    def leader(self):
        """The one server that says it is a primary, if its agent says so too."""
        primaries = [n for n in self.nodes if n.rest('/primary', timeout=1)[0] == 200]
        return primaries[0] if len(primaries) == 1 and primaries[0].sql('SELECT pg_is_in_recovery()') == ['False'] else None

    def healthy(self):
        leader = self.leader()
        rows = leader.sql("SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'") if leader else None
        return leader if rows is not None and sorted(rows) == sorted(n.name for n in self.others(leader)) else None

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
            node.thaw()
            if not node.agent_pids():
                if node.process:
                    node.process.wait()
                node.start()
        return self.wait_healthy(90)
