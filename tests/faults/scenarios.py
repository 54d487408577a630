"""What goes wrong, and what must be seen then. Each fault gets a healthy cluster and the leader's node, and breaks something.
What follows its first `yield`, if it has any, happens at the end of the fault; what follows the second, when all is well
again. heal() undoes the rest: cables, disks, stopped and ended processes."""
import contextlib
import os
import shutil
import signal
import threading
import time
from dataclasses import dataclass, field

import psycopg2

import disk
from cluster import send, wait_for
from namesake import Namesake


@dataclass
class Scenario:
    name: str
    fault: object
    lasts: float = 8            # seconds from the fault to its end
    outage: float = None        # most, in ms; None: not limited
    two: float = 0              # most, in ms
    lost: int = 0
    same_leader: bool = None    # True: nothing may move; False: somebody else must lead
    options: dict = field(default_factory=dict)     # of the Cluster

    def why_not(self):
        """Why it cannot be run on this machine; None if it can."""
        return disk.why_not() if self.options.get('disk') else None


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def stores(cluster):
    return [m.machine for m in cluster.store]


def cut_from_store(cluster, old):
    old.machine.cut(stores(cluster))


def cut_from_replicas(cluster, old):
    old.machine.cut([n.machine for n in cluster.others(old)])


def cut_from_everything(cluster, old):
    old.machine.cut(stores(cluster) + [n.machine for n in cluster.others(old)])


def deaf_to_store(cluster, old):
    old.machine.cut(stores(cluster), outward=False)


def mute_to_store(cluster, old):
    old.machine.cut(stores(cluster), inward=False)


def store_majority_lost(cluster, _old):
    for member in cluster.store[:2]:
        member.process.kill()
        member.process.wait()


def stale_store_leader(cluster, old):
    """The store's leader is cut off from the other members, and the old primary can talk to it alone."""
    leader = wait_for('a leader of the store', cluster.store_leader, 10)
    rest = [m.machine for m in cluster.store if m is not leader]
    leader.machine.cut(rest + [n.machine for n in cluster.others(old)])
    old.machine.cut(rest)


def kill_agent(_cluster, old):
    send(old.agent_pids(), signal.SIGKILL)


def freeze_agent(_cluster, old):
    send(old.agent_pids(), signal.SIGSTOP)


def kill_guardian(_cluster, old):
    send(old.guardian_pids(), signal.SIGKILL)


def freeze_guardian(_cluster, old):
    send(old.guardian_pids(), signal.SIGSTOP)


def kill_agent_and_guardian(_cluster, old):
    send(old.guardian_pids() + old.agent_pids(), signal.SIGKILL)


def freeze_agent_and_guardian(_cluster, old):
    send(old.guardian_pids() + old.agent_pids(), signal.SIGSTOP)


def reexecute(_cluster, old):
    """An upgrade of the program: three times, under load."""
    postmaster = old.postmaster()
    agents = old.agent_pids()
    for _ in range(3):
        send(agents, signal.SIGUSR2)
        time.sleep(1.5)
    expect(old.postmaster() == postmaster and old.agent_pids() == agents, 'the agent or its server are other processes now')


def kill_server(_cluster, old):
    send(old.server_pids(), signal.SIGKILL)


def kill_node(_cluster, old):
    old.kill()


def freeze_node(_cluster, old):
    old.freeze()


def kill_node_and_store_leader(cluster, old):
    leader = wait_for('a leader of the store', cluster.store_leader, 10)
    leader.process.kill()
    leader.process.wait()
    old.kill()


def suspend_everything(cluster, _old):
    """All machines stop and go on together, as after a suspended host. Writers wait."""
    pids = [p for n in cluster.nodes for p in n.all_pids()] + [m.process.pid for m in cluster.store]
    send(pids, signal.SIGSTOP)
    yield
    send(pids, signal.SIGCONT)


def second_agent(_cluster, old):
    """Somebody starts the node's agent again while the first one hangs."""
    send(old.agent_pids(), signal.SIGSTOP)
    time.sleep(1)
    old.process = None
    old.start()


def storm(cluster, old):
    """500 backends and clients that connect without end, when the agent hangs."""
    held = []
    for _ in range(500):
        held.append(psycopg2.connect(old.dsn()))
    ended = threading.Event()

    def connect():
        while not ended.is_set():
            try:
                psycopg2.connect(old.dsn()).close()
            except psycopg2.Error:
                time.sleep(0.001)
    for _ in range(4):
        threading.Thread(target=connect, daemon=True).start()
    send(old.agent_pids(), signal.SIGSTOP)
    yield
    ended.set()
    for connection in held:
        connection.close()


def freeze_disk(_cluster, old):
    """Whatever the node writes to hangs: data, log, password file, the guardian's folder. The processes do not know."""
    old.disk.freeze()
    yield
    expect(old.status(), 'the agent hangs with its disk: no answer from its REST API')


def freeze_disk_and_agent(_cluster, old):
    """The guardian cannot kill who sleeps in a write; nor can they answer anybody, before the disk is back or after."""
    old.disk.freeze()
    send(old.agent_pids(), signal.SIGSTOP)


def node_and_etcd_leader(cluster, old):
    """Each node has an etcd; the primary's leads, against all efforts to the contrary, when its node is lost."""
    cluster.lead_store(old)
    old.kill()


def freeze_etcd_disk(cluster, old):
    """The classic stale leader: it goes on answering what needs no disk. When its disk comes back, an etcd like Debian's
    3.4.23 may revoke leases that others have renewed (etcd issue 15247): then the primary moves."""
    cluster.lead_store(old)
    old.disk.freeze()
    wait_for('another member leads the store', lambda: any(n.etcd.is_leader() for n in cluster.others(old)), 10)


def switch_from_frozen_etcd_disk(cluster, old):
    """The primary's etcd cannot be started again because its disk hangs. PostgreSQL has another disk: a switchover works,
    and the former primary follows the new one."""
    candidate = cluster.others(old)[0]
    send(old.etcd_pids(), signal.SIGKILL)
    old.disk.freeze()
    time.sleep(16)              # some attempts
    cluster.run_ctl(old, 'switchover', '--candidate', candidate.name, '--force')
    query = "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming' AND application_name = '%s'" % old.name
    wait_for('the former primary follows', lambda: candidate.sql(query) == ['1'], 20)


def fill_etcd_disk(cluster, old):
    """No room for the etcd of the primary's node, and more to write than it has space set aside for."""
    cluster.lead_store(old)
    old.disk.fill()
    other = cluster.others(old)[0]
    wait_for('the full member gives up', lambda: other.etcd.put('filling', 'x' * 100000) and not old.etcd.status(), 60, 0)


def replace_member(cluster, old):
    """A node is lost with all its disks, and its etcd led; an empty one takes its place."""
    lost = cluster.others(old)[0]
    cluster.lead_store(lost)
    former = lost.etcd.member_id()
    lost.kill()
    for folder in lost.dir, lost.etcd_home:
        shutil.rmtree(folder)
    yield
    cluster.run_ctl(old, 'store', 'remove', lost.name, '--force')
    lost.start()
    yield
    expect(lost.etcd.member_id() not in (None, former), 'its etcd is the member that was removed')


def power_cut(cluster, _old):
    """Of all nodes at once, etcds and all. (What was written to files is still there: that is for fsync to prove.)"""
    for _ in range(2):
        send([p for n in cluster.nodes for p in n.all_pids()], signal.SIGKILL)


def reuse_numbers(old, folder, program, start):
    """Agent and server die together, and harmless processes get the numbers of the agent and the postmaster."""
    (agent,), postmaster = old.agent_pids(), old.postmaster()
    for _ in range(2):
        send([agent] + old.server_pids(), signal.SIGKILL)
    old.process.wait()
    with contextlib.ExitStack() as stack:
        innocents = []
        for pid in postmaster, agent:
            innocents.append(Namesake(pid, folder, program, '1000'))
            stack.callback(innocents[-1].end)
        if start:
            old.start()
        yield
        yield
        expect(all(one.lives() for one in innocents), 'an innocent process was killed for its number')
        expect(old.postmaster() not in (postmaster, agent), 'postmaster.pid names an innocent process')


def reuse_pids(_cluster, old):
    """The innocent ones run where the server did. The agent is started again at once: the guardian hands over the lease."""
    yield from reuse_numbers(old, old.data, '/bin/sleep', True)


def reuse_pids_until_strike(cluster, old):
    """The innocent ones run the server's program, as it seems, elsewhere. The guardian strikes before there is an agent."""
    program = os.path.join(cluster.dir, 'postgres')
    if not os.path.exists(program):
        shutil.copy('/bin/sleep', program)
    yield from reuse_numbers(old, cluster.dir, program, False)


RESPAWN = {'guardian': {'respawn': True}}
THREE = {'store': 3}
TURBO = {'profile': 'turbo'}
SYNCHRONOUS = {'profile': 'turbo', 'synchronous': True}
QUORUM = {'profile': 'turbo', 'synchronous': 'quorum'}
MANAGED = {'managed': True, 'profile': 'turbo'}

ALL = [
    Scenario('cut_from_store', cut_from_store, 26, outage=3500, same_leader=False),
    Scenario('cut_from_replicas', cut_from_replicas, 8, outage=500, same_leader=True),
    Scenario('cut_from_everything', cut_from_everything, 26, two=0, lost=10**9, same_leader=False),
    Scenario('deaf_to_store', deaf_to_store, 26, same_leader=False),
    Scenario('mute_to_store', mute_to_store, 26, same_leader=False),
    Scenario('store_majority_lost', store_majority_lost, 30, options={'store': 3}),
    Scenario('store_majority_lost_failsafe', store_majority_lost, 30, outage=500, same_leader=True,
             options={'store': 3, 'failsafe': True}),
    Scenario('stale_store_leader', stale_store_leader, 26, same_leader=False, options=THREE),
    Scenario('kill_agent', kill_agent, 26),
    Scenario('kill_agent_respawn', kill_agent, 8, outage=200, same_leader=True, options=RESPAWN),
    Scenario('freeze_agent', freeze_agent, 26),
    Scenario('second_agent', second_agent, 8, outage=200, same_leader=True),
    Scenario('kill_guardian', kill_guardian, 6, outage=200, same_leader=True),
    Scenario('freeze_guardian', freeze_guardian, 26),
    Scenario('kill_agent_and_guardian', kill_agent_and_guardian, 26),
    Scenario('freeze_agent_and_guardian', freeze_agent_and_guardian, 26),
    Scenario('reexecute', reexecute, 6, outage=200, same_leader=True),
    Scenario('kill_server', kill_server, 5, same_leader=True),
    Scenario('kill_node', kill_node, 6, lost=10, same_leader=False, options=TURBO),
    Scenario('freeze_node', freeze_node, 10, two=20, lost=5, same_leader=False, options=TURBO),
    Scenario('cut_from_everything_sync', cut_from_everything, 10, same_leader=False, options=SYNCHRONOUS),
    Scenario('kill_node_sync', kill_node, 6, same_leader=False, options=SYNCHRONOUS),
    Scenario('kill_node_quorum', kill_node, 6, same_leader=False, options=QUORUM),
    Scenario('freeze_node_sync', freeze_node, 10, two=20, same_leader=False, options=SYNCHRONOUS),
    Scenario('kill_node_and_store_leader', kill_node_and_store_leader, 10, outage=5000, lost=10, same_leader=False,
             options={'store': 3, 'profile': 'turbo'}),
    Scenario('suspend_everything', suspend_everything, 10),
    Scenario('storm', storm, 8, options={'profile': 'turbo', 'connections': 700}),
    Scenario('freeze_disk', freeze_disk, 12, options={'profile': 'turbo', 'disk': 'node'}),
    Scenario('freeze_disk_and_agent', freeze_disk_and_agent, 12, outage=5000, same_leader=False,
             options={'profile': 'turbo', 'disk': 'node'}),
    Scenario('reuse_pids', reuse_pids, 8, outage=5000),
    Scenario('reuse_pids_until_strike', reuse_pids_until_strike, 8, outage=5000, options=TURBO),
    Scenario('managed_node_and_etcd_leader', node_and_etcd_leader, 10, outage=5000, lost=10, same_leader=False,
             options=MANAGED),
    Scenario('managed_freeze_etcd_disk', freeze_etcd_disk, 12, outage=1000, options={**MANAGED, 'disk': 'etcd'}),
    Scenario('managed_switch_from_frozen_etcd', switch_from_frozen_etcd_disk, 24, outage=2000, same_leader=False,
             options={**MANAGED, 'disk': 'etcd'}),
    Scenario('managed_fill_etcd_disk', fill_etcd_disk, 12, outage=500, same_leader=True, options={**MANAGED, 'disk': 'etcd'}),
    Scenario('managed_replace_member', replace_member, 6, outage=500, same_leader=True, options=MANAGED),
    Scenario('managed_power_cut', power_cut, 1, outage=20000, options=MANAGED),
]
