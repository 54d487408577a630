#!/usr/bin/python3
"""Synchronous and quorum replication on real servers: who is waited for, who may lead, and that no acknowledged write is lost
when the primary dies (SYNC, QRM, INV-2).

    synchronous_test.py AGENT CTL [TEST...]
"""
import json
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lab'))
from lab import OURS, Cluster, Failure, main, wait_for  # noqa: E402

BASE = int(os.environ.get('LAB_PORTS', '26700'))
PLACEHOLDER = '__patroni_strict_sync_replica_placeholder__'


def expect(condition, what):
    if not condition:
        raise Failure(what)


def lab(agent, ctl, nodes=3, **dcs):
    settings = {'ttl': 6, 'loop_wait': 1, 'retry_timeout': 1, 'synchronous_mode': True,
                'postgresql': {'use_pg_rewind': True, 'parameters': {'wal_log_hints': 'on', 'max_connections': 50}}}
    settings.update(dcs)
    cluster = Cluster([OURS] * nodes, agent, ctl, BASE, settings)
    for node in cluster.nodes:
        node.extra = {'guardian': False}       # what is tested here must not lean on it
    return cluster


def bring_up(cluster):
    cluster.nodes[0].start()
    wait_for('the first node leads', cluster.leader, 180)
    for node in cluster.nodes[1:]:
        node.start()
    return cluster.wait_healthy(180)


def configure(cluster, **settings):
    code, text = cluster.alive()[0].rest('/config', 'PATCH', settings)
    expect(code == 200, 'PATCH /config: %d %s' % (code, text))


def roles(cluster):
    """{member: role}, as the leader shows them."""
    leader = cluster.leader()
    return {name: m['role'] for name, m in cluster.view_of(leader).items()} if leader else {}


def with_role(cluster, role):
    return sorted(name for name, r in roles(cluster).items() if r == role)


def names_setting(node):
    rows = node.sql('SHOW synchronous_standby_names')
    return rows[0] if rows else None


def wait_for_standbys(cluster, role, count, seconds=20):
    return wait_for('%d members are %s' % (count, role),
                    lambda: len(with_role(cluster, role)) == count and with_role(cluster, role), seconds)


def wait_for_setting(node, text, seconds=20):
    wait_for('synchronous_standby_names of %s is "%s"' % (node.name, text), lambda: names_setting(node) == text, seconds)


class Writer:
    """Writes to whoever leads; remembers what was acknowledged."""

    def __init__(self, cluster):
        self.cluster, self.over, self.acks = cluster, threading.Event(), []
        self.thread = threading.Thread(target=self.run)

    def run(self):
        number = 0
        while not self.over.is_set():
            for node in self.cluster.nodes:
                number += 1
                if node.sql('insert into acks values (%d)' % number) is not None:
                    self.acks.append(number)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def some(self, count=20):
        have = len(self.acks)
        wait_for('%d more writes' % count, lambda: len(self.acks) >= have + count, 40)


def lost(leader, acks):
    there = {int(n) for n in leader.sql('select n from acks')}
    return [n for n in acks if n not in there]


# --- SYNC

def one_node_then_strict(agent, ctl):  # Annex C, SYNC-020, SYNC-030
    with lab(agent, ctl, nodes=1) as cluster:
        leader = bring_up(cluster)
        leader.sql('create table acks (n bigint)')
        wait_for_setting(leader, '')
        expect(leader.sql('insert into acks values (1)') is not None, 'a write without standbys')
        configure(cluster, synchronous_mode_strict=True)
        wait_for_setting(leader, PLACEHOLDER)
        wait_for('the log names the strict mode', lambda: 'synchronous_mode_strict is requested' in leader.log_text(), 5)
        configure(cluster, synchronous_mode_strict=False)
        wait_for_setting(leader, '')
        configure(cluster, synchronous_mode=False, postgresql={'parameters': {'synchronous_standby_names': 'mine'}})
        wait_for_setting(leader, 'mine')  # CFG-302


def another_takes_the_place(agent, ctl):  # Annex C, SYNC-025..SYNC-028
    with lab(agent, ctl) as cluster:
        leader = bring_up(cluster)
        first = wait_for_standbys(cluster, 'sync_standby', 1)[0]
        wait_for_setting(leader, first)
        code, _ = cluster.node(first).rest('/sync')
        expect(code == 200, 'GET /sync of the synchronous standby: %d' % code)
        cluster.node(first).kill()
        second = wait_for('another is synchronous', lambda: next(iter(set(with_role(cluster, 'sync_standby')) - {first}), None), 30)
        wait_for_setting(leader, second)
        cluster.node(first).start()
        cluster.wait_healthy()
        configure(cluster, synchronous_node_count=2)
        wait_for_standbys(cluster, 'sync_standby', 2)
        wait_for_setting(leader, '2 (%s)' % ','.join(sorted([first, second])))
        configure(cluster, synchronous_node_count=1)
        wait_for_standbys(cluster, 'sync_standby', 1)


def primary_killed(agent, ctl, role, **dcs):
    with lab(agent, ctl, **dcs) as cluster:
        leader = bring_up(cluster)
        leader.sql('create table acks (n bigint)')
        quorum = role == 'quorum_standby'
        may_lead = wait_for_standbys(cluster, role, 2 if quorum else 1)
        with Writer(cluster) as writer:
            writer.some()
            leader.kill()
            new = wait_for('another leads', lambda: (cluster.leader() or leader) is not leader and cluster.leader(), 40)
            expect(new.name in may_lead, '%s leads, but only %s may' % (new.name, may_lead))
            writer.some()
        expect(not lost(new, writer.acks), 'acknowledged writes are lost: %s' % lost(new, writer.acks)[:10])
        leader.start()
        cluster.wait_healthy()
        wait_for_standbys(cluster, role, 2 if quorum else 1)


def primary_killed_under_priority(agent, ctl):  # SYNC-002, SYNC-033, SYNC-038
    primary_killed(agent, ctl, 'sync_standby')


def primary_killed_under_strict(agent, ctl):  # SYNC-033
    primary_killed(agent, ctl, 'sync_standby', synchronous_mode_strict=True)


def primary_killed_under_quorum(agent, ctl):  # QRM-038, QRM-039
    primary_killed(agent, ctl, 'quorum_standby', synchronous_mode='quorum')


def an_asynchronous_standby_does_not_lead(agent, ctl):  # SYNC-002 (c), HA-178
    with lab(agent, ctl) as cluster:
        leader = bring_up(cluster)
        leader.sql('create table acks (n bigint)')
        synchronous = cluster.node(wait_for_standbys(cluster, 'sync_standby', 1)[0])
        other = next(n for n in cluster.nodes if n not in (leader, synchronous))
        with Writer(cluster) as writer:
            writer.some()
            leader.kill()
            synchronous.kill()
        wait_for('the other says why it does not lead', lambda: 'not a synchronous standby' in other.log_text(), 30)
        expect(other.sql('select pg_is_in_recovery()') == ['t'], 'an asynchronous standby was promoted')
        synchronous.start()
        wait_for('the synchronous standby leads', lambda: cluster.leader() is synchronous, 40)
        expect(not lost(synchronous, writer.acks), 'acknowledged writes are lost')


def restarted_agent_keeps_the_promise(agent, ctl):  # SYNC-002 (b), SYNC-029
    with lab(agent, ctl, nodes=2) as cluster:   # of two standbys, the one that is back first would be taken
        leader = bring_up(cluster)
        name = wait_for_standbys(cluster, 'sync_standby', 1)[0]
        wait_for_setting(leader, name)
        leader.process.kill()
        leader.process.wait()
        seen = set()
        leader.start()

        def led_again():
            seen.add(names_setting(leader))
            return cluster.leader() is leader and leader.status().get('role') == 'primary'
        wait_for('the new agent leads', led_again, 30)
        expect(seen <= {name, None}, 'commits did not wait for %s all the time, but for %s' % (name, seen))
        leader.kill_server()                    # started again in place: from its first commit on it waits
        wait_for('the server is back', lambda: cluster.leader() is leader and names_setting(leader) == name, 30)


# --- QRM

def quorum_and_back(agent, ctl):  # QRM-002, QRM-045
    with lab(agent, ctl, synchronous_mode='quorum') as cluster:
        leader = bring_up(cluster)
        names = sorted(wait_for_standbys(cluster, 'quorum_standby', 2))
        wait_for_setting(leader, 'ANY 1 (%s)' % ','.join(names))
        code, text = cluster.node(names[0]).rest('/quorum')
        expect(code == 200, 'GET /quorum: %d %s' % (code, text))
        configure(cluster, synchronous_node_count=2)
        wait_for_setting(leader, 'ANY 2 (%s)' % ','.join(names))
        configure(cluster, synchronous_mode=True, synchronous_node_count=1)
        one = wait_for_standbys(cluster, 'sync_standby', 1)[0]
        wait_for_setting(leader, one)
        configure(cluster, synchronous_mode='quorum')
        wait_for_setting(leader, 'ANY 1 (%s)' % ','.join(names))
        cluster.node(names[0]).kill()
        wait_for_setting(leader, 'ANY 1 (%s)' % names[1], 30)
        configure(cluster, synchronous_mode=False)
        wait_for_setting(leader, '')
        wait_for('/sync is gone', lambda: 'quorum_standby' not in json.dumps(roles(cluster)), 10)


if __name__ == '__main__':
    sys.exit(main([one_node_then_strict, another_takes_the_place, primary_killed_under_priority, primary_killed_under_strict,
                   primary_killed_under_quorum, an_asynchronous_standby_does_not_lead, restarted_agent_keeps_the_promise,
                   quorum_and_back], sys.argv))
