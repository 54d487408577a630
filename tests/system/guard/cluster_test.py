#!/usr/bin/python3
"""Clusters whose agents are killed, frozen and started again: the guardian must stop what nobody leads any more, and must
leave alone what somebody does (DESIGN 3, INV-1).

    cluster_test.py AGENT CTL [TEST...]
"""
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lab'))
from lab import OURS, Cluster, Failure, main, wait_for  # noqa: E402

BASE = int(os.environ.get('LAB_PORTS', '26500'))
TTL = 6
DCS = {'ttl': TTL, 'loop_wait': 1, 'retry_timeout': 1,
       'postgresql': {'use_pg_rewind': True, 'parameters': {'wal_log_hints': 'on', 'max_connections': 50}}}


def expect(condition, what):
    if not condition:
        raise Failure(what)


def pids_with(*words):
    """Processes whose command line has all these arguments."""
    found = []
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            try:
                with open('/proc/%s/cmdline' % entry) as f:
                    arguments = f.read().split('\0')
            except OSError:
                continue
            if all(any(a == word or os.path.basename(a) == word for a in arguments) for word in words):
                found.append(int(entry))
    return found


def guardian_of(node):
    pids = pids_with('matriarch-guardian', node.data)
    return pids[0] if pids else None


def agents_of(node):
    return [p for p in pids_with('matriarch', node.config_file)]


def postmaster_of(node):
    try:
        with open(os.path.join(node.data, 'postmaster.pid')) as f:
            return int(f.readline())
    except (OSError, ValueError):
        return None


def guard_state(node):
    return node.status().get('guardian', {}).get('state')


def guarded_cluster(agent, ctl, nodes=2, **extra):
    """As lab's Cluster, but also what the guardian started again ends with it."""
    class Guarded(Cluster):
        def __exit__(self, *error):
            for node in self.nodes:
                for pid in pids_with('matriarch-guardian', node.data) + agents_of(node):
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except OSError:
                        pass
            super().__exit__(*error)
    cluster = Guarded([OURS] * nodes, agent, ctl, BASE, DCS)
    for node in cluster.nodes:
        node.extra = dict(extra)
    return cluster


def bring_up(cluster):
    cluster.nodes[0].start()
    wait_for('the first node leads', cluster.leader, 180)
    for node in cluster.nodes[1:]:
        node.start()
    leader = cluster.wait_healthy(180)
    wait_for('the guardian is armed', lambda: guard_state(leader) == 'armed', 10)
    leader.sql('create table if not exists acks (n bigint primary key)')
    return leader


class Writers:
    """Writes to every node all the time, and remembers what was acknowledged by whom."""

    def __init__(self, cluster):
        self.over = False
        self.acks = []                            # (time, node name, number)
        self.lock = threading.Lock()
        self.number = 0
        self.threads = [threading.Thread(target=self.write, args=(n,)) for n in cluster.nodes]
        for thread in self.threads:
            thread.start()

    def write(self, node):
        while not self.over:
            with self.lock:
                self.number += 1
                number = self.number
            if node.sql('insert into acks values (%d)' % number) is not None:
                with self.lock:
                    self.acks.append((time.monotonic(), node.name, number))
            time.sleep(0.01)                      # the machine has other work, too

    def stop(self):
        self.over = True
        for thread in self.threads:
            thread.join()
        return self.acks

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def expect_one_primary(acks, former, new):
    last = max(t for t, name, _ in acks if name == former.name)
    first = min((t for t, name, _ in acks if name == new.name), default=None)
    expect(first is not None, 'the new leader took no writes')
    expect(last < first, 'two primaries for %.0f ms' % (1000 * (last - first)))


def killed_or_frozen(agent, ctl, number):
    with guarded_cluster(agent, ctl) as cluster:
        leader = bring_up(cluster)
        other = next(n for n in cluster.nodes if n is not leader)
        with Writers(cluster) as writers:
            time.sleep(1)                         # some writes before it
            os.kill(leader.process.pid, number)
            begin = time.monotonic()
            wait_for('PostgreSQL is gone', lambda: not leader.server_pids(), TTL + 5, every=0.005)
            lasted = time.monotonic() - begin
            wait_for('the other node leads', lambda: other.sql('select pg_is_in_recovery()') == ['f'], 30)
            time.sleep(1)                         # some writes after it
            acks = writers.stop()
        expect(lasted < TTL, 'the server outlived the lease: %.2f s' % lasted)
        expect(lasted > TTL / 2, 'the server was killed before its time: %.2f s' % lasted)
        expect_one_primary(acks, leader, other)
        print('     the server lived on for %.2f s of a lease of %d s' % (lasted, TTL), flush=True)
        if number == signal.SIGSTOP:
            os.kill(leader.process.pid, signal.SIGCONT)
        else:
            leader.process.wait()
            leader.start()
        expect(cluster.wait_healthy(240) is other, 'the former leader joins')


def killed_agent(agent, ctl):
    killed_or_frozen(agent, ctl, signal.SIGKILL)


def frozen_agent(agent, ctl):
    killed_or_frozen(agent, ctl, signal.SIGSTOP)


def expect_nothing_happened(cluster, leader, postmaster, acks, begin):
    expect(postmaster_of(leader) == postmaster, 'PostgreSQL was restarted')
    expect(leader.sql('select pg_is_in_recovery(), timeline_id from pg_control_checkpoint()') == ['f|1'], 'the same primary')
    stored = set(int(n) for n in leader.sql('select n from acks'))
    lost = [n for _, _, n in acks if n not in stored]
    expect(not lost, 'lost: %s' % lost[:10])
    times = [begin] + sorted(t for t, _, _ in acks if t > begin)
    gap = max(b - a for a, b in zip(times, times[1:]))
    expect(gap < 3, 'an outage of %.2f s' % gap)     # of clients that are programs started for each write


def respawned_agent(agent, ctl):
    with guarded_cluster(agent, ctl, guardian={'respawn': True}) as cluster:
        leader = bring_up(cluster)
        postmaster = postmaster_of(leader)
        with Writers(cluster) as writers:
            for _ in range(3):
                former = agents_of(leader)
                expect(len(former) == 1, 'one agent: %s' % former)
                begin = time.monotonic()
                os.kill(former[0], signal.SIGKILL)
                leader.process.poll()
                wait_for('another agent leads on',
                         lambda f=former: agents_of(leader) not in ([], f) and guard_state(leader) == 'armed' and
                         leader.status().get('role') == 'primary', 10)
            time.sleep(TTL + 1)                   # beyond the lease of the killed
            acks = writers.stop()
        expect_nothing_happened(cluster, leader, postmaster, acks, begin)
        expect('took over from a former agent' in leader.log_text(), 'the same lease')


def agent_started_again(agent, ctl):
    """As a service manager would; also while the former one hangs and holds the port."""
    for number in (signal.SIGKILL, signal.SIGSTOP):
        with guarded_cluster(agent, ctl) as cluster:
            leader = bring_up(cluster)
            postmaster = postmaster_of(leader)
            with Writers(cluster) as writers:
                former = leader.process
                begin = time.monotonic()
                os.kill(former.pid, number)
                leader.start()
                expect(former.wait(5) == -signal.SIGKILL, 'the former agent is dead')
                wait_for('the new agent leads on', lambda: leader.status().get('role') == 'primary', 10)
                time.sleep(TTL + 1)
                acks = writers.stop()
            expect_nothing_happened(cluster, leader, postmaster, acks, begin)


def killed_guardian(agent, ctl):
    with guarded_cluster(agent, ctl) as cluster:
        leader = bring_up(cluster)
        postmaster = postmaster_of(leader)
        with Writers(cluster) as writers:
            begin = time.monotonic()
            for number in (signal.SIGKILL, signal.SIGSTOP):     # a frozen one is replaced, too
                former = guardian_of(leader)
                os.kill(former, number)
                wait_for('another guardian is armed',
                         lambda f=former: guardian_of(leader) not in (None, f) and guard_state(leader) == 'armed', 10)
            time.sleep(TTL + 1)
            acks = writers.stop()
        expect_nothing_happened(cluster, leader, postmaster, acks, begin)


def pause_and_resume(agent, ctl):
    with guarded_cluster(agent, ctl) as cluster:
        leader = bring_up(cluster)
        postmaster = postmaster_of(leader)
        expect(cluster.run_ctl(OURS, 'pause', '--wait').returncode == 0, 'pause')
        wait_for('disarmed', lambda: guard_state(leader) == 'ready', 10)
        leader.process.kill()
        leader.process.wait()
        time.sleep(TTL + 2)
        expect(postmaster_of(leader) == postmaster and leader.sql('select 1') == ['1'], 'a paused server is left alone')
        leader.start()
        wait_for('the agent leads on', lambda: leader.status().get('role') == 'primary', 20)
        expect(cluster.run_ctl(OURS, 'resume', '--wait').returncode == 0, 'resume')
        wait_for('armed again', lambda: guard_state(leader) == 'armed', 10)
        expect(postmaster_of(leader) == postmaster, 'the same server')


def resume_is_guarded(agent, ctl):
    """ADR 10: whoever is asked, the pause ends only after the guardian of the leader is armed."""
    with guarded_cluster(agent, ctl) as cluster:
        leader = bring_up(cluster)
        other = next(n for n in cluster.nodes if n is not leader)
        with Writers(cluster) as writers:
            for asked in (other, leader):
                expect(cluster.run_ctl(OURS, 'pause', '--wait').returncode == 0, 'pause')
                wait_for('disarmed', lambda: guard_state(leader) == 'ready', 10)
                code, text = asked.rest('/config', 'PATCH', {'pause': None})
                if asked is leader:
                    break
                expect(code == 200, 'resume by the standby: %d %s' % (code, text))
                wait_for('armed again', lambda: guard_state(leader) == 'armed', 10)
            os.kill(leader.process.pid, signal.SIGKILL)     # before it can have read that the pause is over
            begin = time.monotonic()
            expect(code == 200, 'resume by the leader: %d %s' % (code, text))
            wait_for('PostgreSQL is gone', lambda: not leader.server_pids(), TTL + 5, every=0.005)
            lasted = time.monotonic() - begin
            wait_for('the other node leads', lambda: other.sql('select pg_is_in_recovery()') == ['f'], 30)
            time.sleep(1)
            acks = writers.stop()
        expect(lasted < TTL, 'the server outlived the lease: %.2f s' % lasted)
        expect_one_primary(acks, leader, other)


def resume_of_the_unguarded(agent, ctl):
    """A paused server goes on without its agent: with the pause over, another would be promoted beside it."""
    with guarded_cluster(agent, ctl) as cluster:
        leader = bring_up(cluster)
        other = next(n for n in cluster.nodes if n is not leader)
        postmaster = postmaster_of(leader)
        expect(cluster.run_ctl(OURS, 'pause', '--wait').returncode == 0, 'pause')
        wait_for('disarmed', lambda: guard_state(leader) == 'ready', 10)
        leader.process.kill()
        leader.process.wait()

        def refused(words):
            run = cluster.run_ctl(OURS, 'resume', node=other)
            expect(run.returncode == 1 and leader.name in run.stdout and words in run.stdout and '--force' in run.stdout,
                   'refused: %d %s' % (run.returncode, run.stdout))
            code, text = other.rest('/config', 'PUT', {k: v for k, v in DCS.items()})
            expect(code == 412 and leader.name in text, 'PUT: %d %s' % (code, text))
        refused('must arm its guardian')                    # the leader key is still there
        wait_for('the leader key is gone', lambda: cluster.view_of(other).get(leader.name) is None, TTL + 5)
        refused('led last')
        time.sleep(TTL)
        expect(other.sql('select pg_is_in_recovery()') == ['t'], 'nobody is promoted')
        expect(postmaster_of(leader) == postmaster and leader.sql('select 1') == ['1'], 'a paused server is left alone')

        leader.start()
        wait_for('the agent leads on', cluster.leader, 20)
        run = cluster.run_ctl(OURS, 'resume', '--wait', node=other)
        expect(run.returncode == 0, run.stdout)
        wait_for('armed again', lambda: guard_state(leader) == 'armed', 10)
        expect(cluster.wait_healthy() is leader and postmaster_of(leader) == postmaster, 'the same server')

        expect(cluster.run_ctl(OURS, 'pause', '--wait').returncode == 0, 'pause')
        wait_for('disarmed', lambda: guard_state(leader) == 'ready', 10)
        leader.kill()                                       # the whole node: people know that it is gone
        run = cluster.run_ctl(OURS, 'resume', '--force', node=other)
        expect(run.returncode == 0 and 'is resumed' in run.stdout, run.stdout)
        wait_for('the other node leads', lambda: other.sql('select pg_is_in_recovery()') == ['f'], 30)


def stop_and_switchover_disarm(agent, ctl):
    with guarded_cluster(agent, ctl) as cluster:
        leader = bring_up(cluster)
        other = next(n for n in cluster.nodes if n is not leader)
        code, text = leader.rest('/switchover', 'POST', {'leader': leader.name, 'candidate': other.name}, timeout=60)
        expect(code == 200, 'switchover: %d %s' % (code, text))
        wait_for('the other is armed', lambda: guard_state(other) == 'armed', 10)
        wait_for('the former is not', lambda: guard_state(leader) == 'ready', 30)
        cluster.wait_healthy()
        code, text = other.rest('/restart', 'POST', {}, timeout=60)
        expect(code == 200, 'restart: %d %s' % (code, text))
        time.sleep(TTL + 1)
        expect(cluster.healthy() is other and guard_state(other) == 'armed', 'a restarted primary is guarded')
        other.process.terminate()
        expect(other.process.wait(30) == 0, 'the agent ends')
        wait_for('the guardian ends, too', lambda: guardian_of(other) is None, 20)


def without_guardian(agent, ctl):
    os.environ['MATRIARCH_GUARDIAN'] = '/nowhere/matriarch-guardian'
    try:
        with guarded_cluster(agent, ctl, nodes=1) as cluster:
            node = cluster.nodes[0].start()
            wait_for('it says why', lambda: 'nothing guards this primary' in node.log_text() or 'no guardian' in node.log_text(), 60)
            wait_for('it is shown', lambda: guard_state(node) == 'lost', 30)
            wait_for('it takes no writes', lambda: node.sql('select pg_is_in_recovery()') != ['f'], 30)
    finally:
        os.environ['MATRIARCH_GUARDIAN'] = 'off'
    try:
        with guarded_cluster(agent, ctl, nodes=1) as cluster:
            node = cluster.nodes[0].start()
            wait_for('it leads at the operator\'s own risk', cluster.leader, 60)
            expect(guard_state(node) == 'off' and guardian_of(node) is None, 'off is off')
    finally:
        del os.environ['MATRIARCH_GUARDIAN']


if __name__ == '__main__':
    sys.exit(main([killed_agent, frozen_agent, respawned_agent, agent_started_again, killed_guardian, pause_and_resume,
                   resume_is_guarded, resume_of_the_unguarded, stop_and_switchover_disarm, without_guardian], sys.argv))
