#!/usr/bin/python3
"""The etcd that nodes run themselves, with real processes on loopback.

    managed_etcd_test.py AGENT CTL [TEST...]
"""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'lab')]
from lab import OURS, Cluster, Failure, Node, main, wait_for  # noqa: E402
from stores import Stores, b64  # noqa: E402

BASE = int(os.environ.get('LAB_PORTS', '27300'))


def expect(condition, what):
    if not condition:
        raise Failure(what)


def three_begin_at_once(agent, ctl):
    with Stores(agent, ctl, BASE, 3).start() as stores:
        stores.wait_all_vote()
        expect(set(stores.keepers[0].members()) == {'w1', 'w2', 'w3'}, 'members: %s' % stores.keepers[0].members())
        expect(stores.keepers[0].put('a', 'b'), 'no write')
        wait_for('the write is everywhere', lambda: all(k.get('a') == 'b' for k in stores.keepers), 10)
        conf = os.path.join(stores.keepers[0].home, 'etcd.conf')
        expect(os.stat(conf).st_mode & 0o777 == 0o600, 'etcd.conf is readable by others')


def a_killed_etcd_is_started_again(agent, ctl):
    with Stores(agent, ctl, BASE, 3).start() as stores:
        stores.wait_all_vote()
        victim = stores.keepers[1]
        pid = victim.etcd_pids()[0]
        os.kill(pid, signal.SIGKILL)
        wait_for('another etcd', lambda: victim.etcd_pids() not in ([], [pid]), 20)
        stores.wait_all_vote()
        expect('etcd has ended (signal 9)' in victim.log_text(), 'its end is not in the log')


def etcd_outlives_the_agent(agent, ctl):
    with Stores(agent, ctl, BASE, 3).start() as stores:
        stores.wait_all_vote()
        for number, remove_pid_file in ((signal.SIGKILL, False), (signal.SIGKILL, True), (signal.SIGTERM, False)):
            keeper = stores.keepers[0]
            pids = keeper.etcd_pids()
            keeper.stop(number)
            if remove_pid_file:
                os.unlink(os.path.join(keeper.home, 'etcd.pid'))
            expect(keeper.put('k', str(number)), 'etcd is gone with its agent')
            keeper.start()
            wait_for('the new agent has taken it over', lambda: keeper.store().get('pid') == pids[0], 20)
            expect(keeper.etcd_pids() == pids, 'another etcd was started')
            wait_for('it votes', keeper.votes, 20)


def stops_with_the_agent_when_told(agent, ctl):
    with Stores(agent, ctl, BASE, 1, {1: {'stop_with_agent': True, 'partners': None}}).start() as stores:
        keeper = stores.keepers[0]
        wait_for('it votes', keeper.votes, 30)
        expect('ONE member' in keeper.log_text(), 'that it is alone is not said')
        expect(keeper.stop() == 0, 'exit code')
        expect(not keeper.etcd_pids(), 'etcd goes on')


def a_power_cut_of_all_heals(agent, ctl):
    with Stores(agent, ctl, BASE, 3).start() as stores:
        stores.wait_all_vote()
        expect(stores.keepers[0].put('precious', 'data'), 'no write')
        for keeper in stores.keepers:
            keeper.stop(signal.SIGKILL)
        for keeper in stores.keepers:
            keeper.kill_etcd()
        stores.start()
        stores.wait_all_vote()
        expect(stores.keepers[2].get('precious') == 'data', 'the data is gone')


def a_lost_member_is_replaced(agent, ctl):
    with Stores(agent, ctl, BASE, 3).start() as stores:
        stores.wait_all_vote()
        expect(stores.keepers[0].put('precious', 'data'), 'no write')
        lost = stores.keepers[2]
        cluster = lost.store()['cluster_id']
        old_id = lost.store()['member_id']
        lost.stop(signal.SIGKILL)
        lost.kill_etcd()
        shutil.rmtree(lost.home)
        lost.start()
        wait_for('it names the command', lambda: 'matriarchctl store remove w3' in lost.store().get('reason', ''), 20)
        expect(not lost.etcd_pids(), 'it runs an etcd nevertheless')
        run = stores.run_ctl('status')
        expect(run.returncode == 1 and 'w3' in run.stdout, 'status: %s' % run.stdout)
        run = stores.run_ctl('remove', 'w3', '--force')
        expect(run.returncode == 0, 'remove: %s' % run.stdout)
        stores.wait_all_vote()
        expect(lost.store()['cluster_id'] == cluster, 'another cluster')
        expect(lost.store()['member_id'] != old_id, 'its old identity')
        wait_for('its data', lambda: lost.get('precious') == 'data', 10)
        run = stores.run_ctl('status', '-f', 'json')
        rows = json.loads(run.stdout)
        expect(run.returncode == 0 and sorted(r['Role'] for r in rows) == ['leader', 'voter', 'voter'], 'status: %s' % run.stdout)


def a_wiped_member_without_others_waits(agent, ctl):
    with Stores(agent, ctl, BASE, 3, {i: {'bootstrap_patience': 1} for i in (1, 2, 3)}).start() as stores:
        stores.wait_all_vote()
        for keeper in stores.keepers:
            keeper.stop(signal.SIGKILL)
            keeper.kill_etcd()
        wiped = stores.keepers[0]
        shutil.rmtree(wiped.home)
        wiped.start()
        wait_for('its patience is over', lambda: 'a majority is needed' in wiped.store().get('reason', ''), 20)
        expect(not wiped.etcd_pids(), 'it made a cluster of its own')


def from_one_to_three(agent, ctl):
    with Stores(agent, ctl, BASE, 3, {1: {'partners': None}}) as stores:
        first = stores.keepers[0].start()
        wait_for('it votes', first.votes, 30)
        expect(first.put('precious', 'data'), 'no write')
        second = stores.keepers[1].start()
        wait_for('nobody may join', lambda: 'lets nobody join' in second.store().get('reason', ''), 20)
        pids = first.etcd_pids()
        del first.etcd3['partners']
        first.stop()
        first.start()
        stores.keepers[2].start()
        stores.wait_all_vote(90)
        expect(first.etcd_pids() == pids, 'its etcd was restarted')
        expect(stores.keepers[2].get('precious') == 'data', 'the data is gone')


def two_of_three_begin_after_a_while(agent, ctl):
    with Stores(agent, ctl, BASE, 3) as stores:
        two = [k.start() for k in stores.keepers[:2]]
        wait_for('they wait for the third', lambda: '2 of 3 partners are ready' in two[0].store().get('reason', ''), 20)
        stores.wait_all_vote(40, two)
        stores.keepers[2].start()
        stores.wait_all_vote(60)


def a_full_member_makes_room(agent, ctl):
    with Stores(agent, ctl, BASE, 3, {2: {'quota': 3}}).start() as stores:
        stores.wait_all_vote()
        value = 'x' * 200000
        full = False
        for i in range(60):                       # history, not content: one key
            if 'database space exceeded' in json.dumps(stores.keepers[0].etcd('/kv/put', {'key': b64('k'), 'value': b64(value)})):
                full = True
                break
        expect(full, 'the quota was never used up')
        wait_for('writes are taken again', lambda: stores.keepers[0].put('after', 'all'), 60)
        expect('there is room again' in stores.keepers[1].log_text(), 'its own node did not do it')


def snapshots(agent, ctl):
    with Stores(agent, ctl, BASE, 1, {1: {'partners': None, 'snapshot_interval': 1, 'snapshots_kept': 2}}).start() as stores:
        keeper = stores.keepers[0]
        wait_for('it votes', keeper.votes, 30)
        expect(keeper.put('/service/lab/config', '{"ttl":3}'), 'no write')
        folder = os.path.join(keeper.home, 'snapshots', '*.json')
        first = wait_for('a snapshot', lambda: glob.glob(folder), 20)[0]
        wait_for('old ones go', lambda: not os.path.exists(first) and len(glob.glob(folder)) == 2, 20)
        file = os.path.join(stores.dir, 'snapshot.json')
        run = stores.run_ctl('snapshot', file)
        expect(run.returncode == 0 and '/service/lab/config' in open(file).read(), 'snapshot: %s' % run.stdout)
        keeper.etcd('/kv/deleterange', {'key': b64('/service/lab/config')})
        expect(keeper.get('/service/lab/config') is None, 'not deleted')
        run = stores.run_ctl('restore', file, '--force')
        expect(run.returncode == 0 and keeper.get('/service/lab/config') == '{"ttl":3}', 'restore: %s' % run.stdout)
        with open(file, 'a') as f:
            f.write('x')
        run = stores.run_ctl('restore', file, '--force')
        expect(run.returncode == 1 and 'no snapshot' in run.stdout, 'a damaged one: %s' % run.stdout)


def witness_api(agent, ctl):
    with Stores(agent, ctl, BASE, 1, {1: {'partners': None}}).start() as stores:
        keeper = stores.keepers[0]
        wait_for('it votes', keeper.votes, 30)
        ask = lambda path: Node.rest(keeper, path, timeout=5)  # noqa: E731
        expect(ask('/liveness')[0] == 200, 'liveness')
        expect('matriarch_store_voter{scope="lab",name="w1"} 1' in ask('/metrics')[1], ask('/metrics')[1])
        expect(ask('/')[0] == 503 and ask('/primary')[0] == 503, 'a load balancer might send clients here')
        broken = {**keeper.config(), 'etcd3': {'managed': True, 'hosts': 'a:1', 'data_dir': '/x'}}
        path = os.path.join(stores.dir, 'broken.yml')
        with open(path, 'w') as f:
            json.dump(broken, f)
        run = subprocess.run([agent, 'witness', path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20,
                             universal_newlines=True)
        expect(run.returncode == 1 and 'etcd3.hosts' in run.stdout and 'remove one' in run.stdout, run.stdout)


def certificates(folder):
    """An authority and one certificate for all: {'cacert': path, ...}"""
    def openssl(*arguments):
        subprocess.run(['openssl', *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    openssl('req', '-x509', *key, '-subj', '/CN=authority', '-keyout', 'ca.key', '-out', 'ca.pem')
    openssl('req', *key, '-subj', '/CN=member', '-keyout', 'member.key', '-out', 'member.csr')
    with open(os.path.join(folder, 'names'), 'w') as f:
        f.write('subjectAltName=IP:127.0.0.1')
    openssl('x509', '-req', '-in', 'member.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2',
            '-extfile', 'names', '-out', 'member.pem')
    return {k: os.path.join(folder, v) for k, v in (('cacert', 'ca.pem'), ('cert', 'member.pem'), ('key', 'member.key'))}


def with_certificates(agent, ctl):
    with Stores(agent, ctl, BASE, 3) as stores:
        for keeper in stores.keepers:
            keeper.etcd3 = {'protocol': 'https', **certificates(stores.dir)} if keeper is stores.keepers[0] else \
                stores.keepers[0].etcd3
        stores.start().wait_all_vote()
        expect(not stores.keepers[0].members(), 'it speaks without TLS')
        run = stores.run_ctl('status', '-f', 'json')
        expect(run.returncode == 0 and len(json.loads(run.stdout)) == 3, 'status: %s' % run.stdout)


class ManagedCluster(Cluster):
    """Nodes with PostgreSQL and managed etcd, and a witness."""

    def __enter__(self):
        self.witness = Stores(self.agent, self.ctl, self.base + 50, 1)
        partners = ['127.0.0.1:%d' % n.rest_port for n in self.nodes] + [self.witness.keepers[0].address]
        self.witness.keepers[0].etcd3['partners'] = partners
        for i, node in enumerate(self.nodes):
            node.extra = {'etcd3': {'managed': True, 'partners': partners, 'data_dir': os.path.join(self.dir, node.name + '.etcd'),
                                    'client_address': '127.0.0.1:%d' % (self.base + 30 + 2 * i),
                                    'peer_address': '127.0.0.1:%d' % (self.base + 31 + 2 * i)}}
        return self

    def __exit__(self, kind, value, trace):
        self.witness.__exit__(kind, value, trace)
        for node in self.nodes:
            for pid in self.etcd_pids(node):
                os.kill(pid, signal.SIGKILL)
        super().__exit__(kind, value, trace)

    def etcd_pids(self, node):
        path = os.path.join(self.dir, node.name + '.etcd', 'etcd.pid')
        try:
            pid = json.load(open(path))['pid']
            return [pid] if path.replace('etcd.pid', 'etcd.conf') in open('/proc/%d/cmdline' % pid).read() else []
        except (OSError, ValueError):
            return []

    def store(self, node):
        code, text = node.rest('/store', timeout=5)
        return json.loads(text) if code == 200 else {}


def two_nodes_and_a_witness(agent, ctl):
    dcs = {'ttl': 5, 'loop_wait': 1, 'retry_timeout': 2, 'postgresql': {'use_pg_rewind': True, 'parameters': {'wal_log_hints': 'on'}}}
    with ManagedCluster([OURS, OURS], agent, ctl, BASE, dcs) as cluster:
        for node in cluster.nodes:
            node.start()
        cluster.witness.keepers[0].start()
        leader = cluster.wait_healthy(120)
        other = next(n for n in cluster.nodes if n is not leader)
        wait_for('etcd is not led where the primary is', lambda: not cluster.store(leader).get('leader') and
                 any(k.get('leader') for k in (cluster.store(other), cluster.witness.keepers[0].store())), 40)
        # The whole node is lost: primary, agent and etcd.
        leader.sql('create table t as select 1 as x')
        leader.kill()
        for pid in cluster.etcd_pids(leader):
            os.kill(pid, signal.SIGKILL)
        wait_for('%s leads' % other.name, lambda: other.sql('select pg_is_in_recovery()') == ['f'], 60)
        expect(other.sql('select x from t') == ['1'], 'what was acknowledged is lost')
        leader.start()
        cluster.wait_healthy(120)
        wait_for('its etcd votes again', lambda: cluster.store(leader).get('doing') == 'running', 30)


if __name__ == '__main__':
    sys.exit(main([three_begin_at_once, a_killed_etcd_is_started_again, etcd_outlives_the_agent, stops_with_the_agent_when_told,
                   a_power_cut_of_all_heals, a_lost_member_is_replaced, a_wiped_member_without_others_waits, from_one_to_three,
                   two_of_three_begin_after_a_while, a_full_member_makes_room, with_certificates, snapshots, witness_api, two_nodes_and_a_witness],
                  sys.argv))
