"""Managed etcds on loopback, each kept by a witness: the same code as in a node, without PostgreSQL."""
import base64
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from lab import wait_for


def call(port, method, path, body=None, timeout=5):
    """(status, document); (0, None) without an answer"""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=timeout)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        return response.status, json.loads(response.read().split(b'\n')[0] or b'null')
    except (OSError, http.client.HTTPException, ValueError):
        return 0, None
    finally:
        connection.close()


def b64(text):
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


class Keeper:
    """A witness and its etcd."""

    def __init__(self, stores, number, **etcd3):
        self.stores, self.name = stores, 'w%d' % number
        self.rest_port, self.client_port, self.peer_port = (stores.base + 10 * number + i for i in (0, 1, 2))
        self.home = os.path.join(stores.dir, self.name + '.etcd')
        self.config_file = os.path.join(stores.dir, self.name + '.yml')
        self.log = os.path.join(stores.dir, self.name + '.log')
        self.etcd3 = etcd3
        self.process = None

    @property
    def address(self):
        return '127.0.0.1:%d' % self.rest_port

    def config(self):
        etcd3 = {'managed': True, 'data_dir': self.home, 'client_address': '127.0.0.1:%d' % self.client_port,
                 'peer_address': '127.0.0.1:%d' % self.peer_port, 'bootstrap_patience': 5,
                 'partners': [k.address for k in self.stores.keepers[:3]]}
        etcd3.update(self.etcd3)
        return {'scope': 'lab', 'name': self.name, 'restapi': {'listen': self.address, 'connect_address': self.address},
                'etcd3': {k: v for k, v in etcd3.items() if v is not None}}

    def start(self):
        with open(self.config_file, 'w', opener=lambda p, f: os.open(p, f, 0o600)) as f:
            json.dump(self.config(), f)
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen([self.stores.agent, 'witness', self.config_file], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.stores.dir)
        return self

    def stop(self, number=signal.SIGTERM):
        os.kill(self.process.pid, number)
        return self.process.wait(20)

    def store(self):
        return call(self.rest_port, 'GET', '/store')[1] or {}

    def etcd_pids(self):
        """Every etcd of this folder, whoever started it."""
        wanted = b'\0--config-file\0' + os.path.join(self.home, 'etcd.conf').encode() + b'\0'
        pids = []
        for entry in os.listdir('/proc'):
            try:
                if entry.isdigit() and wanted in open('/proc/%s/cmdline' % entry, 'rb').read() and \
                        open('/proc/%s/stat' % entry).read().rpartition(')')[2].split()[0] != 'Z':
                    pids.append(int(entry))
            except OSError:
                pass
        return pids

    def kill_etcd(self):
        for pid in self.etcd_pids():
            os.kill(pid, signal.SIGKILL)
        wait_for('the end of the etcd of ' + self.name, lambda: not self.etcd_pids(), 10)

    def votes(self):
        s = self.store()
        return s.get('doing') == 'running' and not s.get('learner') and s

    def etcd(self, path, body):
        return call(self.client_port, 'POST', '/v3' + path, body)[1] or {}

    def put(self, key, value):
        return 'header' in self.etcd('/kv/put', {'key': b64(key), 'value': b64(value)})

    def get(self, key):
        kvs = self.etcd('/kv/range', {'key': b64(key)}).get('kvs')
        return base64.b64decode(kvs[0]['value']).decode() if kvs else None

    def members(self):
        return {m.get('name', ''): m for m in self.etcd('/cluster/member/list', {}).get('members', [])}

    def log_text(self):
        with open(self.log, errors='replace') as f:
            return f.read()


class Stores:
    def __init__(self, agent, ctl, base, count, options=None):
        self.agent, self.ctl, self.base = agent, ctl, base
        self.dir = tempfile.mkdtemp(prefix='matriarch-stores.')
        self.keepers = []
        for i in range(count):
            self.keepers.append(Keeper(self, i + 1, **((options or {}).get(i + 1, {}))))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            for keeper in self.keepers:
                if os.path.exists(keeper.log):
                    print('--- the log of %s\n%s' % (keeper.name, '\n'.join(keeper.log_text().splitlines()[-25:])), file=sys.stderr)
                print('    GET /store: %s' % json.dumps(keeper.store()), file=sys.stderr)
        for keeper in self.keepers:
            if keeper.process and keeper.process.poll() is None:
                keeper.process.kill()
                keeper.process.wait()
        for keeper in self.keepers:
            keeper.kill_etcd()
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self):
        for keeper in self.keepers:
            keeper.start()
        return self

    def wait_all_vote(self, seconds=60, keepers=None):
        wanted = keepers or self.keepers
        wait_for('all of %s vote' % [k.name for k in wanted], lambda: all(k.votes() for k in wanted), seconds)
        return wait_for('they agree on one leader', lambda: sum(bool(k.store().get('leader')) for k in wanted) == 1 and
                        len({k.store()['cluster_id'] for k in wanted}) == 1, 20)

    def run_ctl(self, *arguments, keeper=None):
        return subprocess.run([self.ctl, '-c', (keeper or self.keepers[0]).config_file, 'store', *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=60,
                              universal_newlines=True)
