"""What goes wrong, and what must be seen then. Each scenario gets a healthy cluster and the leader's node; it breaks
something and returns what undoes more than heal() does, or nothing."""
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field

import psycopg2

from cluster import send, wait_for


@dataclass
class Scenario:
    name: str
    fault: object
    lasts: float = 8            # seconds from the fault to its end
    outage: float = None        # most, in ms; None: not limited
    two: float = 0              # most, in ms
    lost: int = 0
    same_leader: bool = None    # True: nothing may move; False: somebody else must lead
    options: dict = field(default_factory=dict)


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
    leader = wait_for('a leader of the store', lambda: next((m for m in cluster.store if m.is_leader()), None), 10)
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
    if old.postmaster() != postmaster or old.agent_pids() != agents:
        raise AssertionError('the agent or its server are other processes now')


def kill_server(_cluster, old):
    send(old.server_pids(), signal.SIGKILL)


def kill_node(_cluster, old):
    old.kill()


def freeze_node(_cluster, old):
    old.freeze()


def kill_node_and_store_leader(cluster, old):
    leader = wait_for('a leader of the store', lambda: next((m for m in cluster.store if m.is_leader()), None), 10)
    leader.process.kill()
    leader.process.wait()
    old.kill()


def suspend_everything(cluster, _old):
    """All machines stop and go on together, as after a suspended host. Writers wait."""
    pids = [p for n in cluster.nodes for p in n.all_pids()] + [m.process.pid for m in cluster.store]
    send(pids, signal.SIGSTOP)

    def resume():
        send(pids, signal.SIGCONT)
    return resume


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

    def undo():
        ended.set()
        for connection in held:
            connection.close()
    return undo


def freeze_disk(_cluster, old):
    """The volume of the data directory stops answering writes, the processes do not know."""
    subprocess.run(['fsfreeze', '--freeze', os.path.dirname(old.data)], check=True)

    def undo():
        subprocess.run(['fsfreeze', '--unfreeze', os.path.dirname(old.data)], check=False)
    return undo


RESPAWN = {'guardian': {'respawn': True}}
THREE = {'store': 3}
TURBO = {'profile': 'turbo'}

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
    Scenario('kill_node_and_store_leader', kill_node_and_store_leader, 10, outage=5000, lost=10, same_leader=False,
             options={'store': 3, 'profile': 'turbo'}),
    Scenario('suspend_everything', suspend_everything, 10),
    Scenario('storm', storm, 8, options={'profile': 'turbo', 'connections': 700}),
]
