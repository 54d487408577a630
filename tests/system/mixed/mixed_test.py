#!/usr/bin/python3
"""Clusters of ours and Debian's patroni together (API-317 ff., DCS-043, spec/README): each may bootstrap, lead, follow,
hand over and be killed, and the tools of each work with the nodes of the other.

    mixed_test.py AGENT CTL [TEST...]
"""
import json
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lab'))
from lab import OURS, PATRONI, Cluster, Failure, main, wait_for  # noqa: E402

BASE = int(os.environ.get('LAB_PORTS', '26100'))


def expect(condition, what):
    if not condition:
        raise Failure(what)


def bring_up(cluster, first):
    """The node `first` bootstraps, the others join."""
    first.start()
    wait_for(first.name + ' has bootstrapped', lambda: cluster.leader() is first, 60)
    for node in cluster.nodes:
        if node is not first:
            node.start()
    return cluster.wait_healthy()


def switch(cluster, kind, target):
    """Switchover by the REST API of a node of `kind`, to the node `target`."""
    leader = cluster.wait_healthy()
    via = next(n for n in cluster.alive() if n.kind == kind)
    code, text = via.rest('/switchover', 'POST', {'leader': leader.name, 'candidate': target.name}, timeout=60)
    expect(code == 200, 'switchover by %s from %s to %s: %d %s' % (kind, leader.name, target.name, code, text))
    wait_for(target.name + ' leads and all follow', lambda: cluster.healthy() is target, 90)


def views_agree(cluster):
    def agree():
        views = []
        for node in cluster.alive():
            view = cluster.view_of(node)
            views.append({name: ({'master': 'leader', 'primary': 'leader'}.get(m['role'], m['role']), m.get('timeline'), m.get('port'))
                          for name, m in view.items()})
        return all(v == views[0] and len(v) == len(cluster.nodes) for v in views)
    wait_for('/cluster of all nodes agree', agree, 30)


def pause_and_resume(cluster, kind):
    leader = cluster.wait_healthy()
    for verb, paused in (('pause', True), ('resume', False)):
        run = cluster.run_ctl(kind, verb, '--wait')
        expect(run.returncode == 0, '%s by %s: %s' % (verb, kind, run.stdout))
        wait_for('all nodes see it', lambda p=paused: all(bool(n.status().get('pause')) == p for n in cluster.alive()), 30)
    expect(cluster.wait_healthy() is leader, 'pausing and resuming changed the leader')


def edit_config(cluster, kind, value):
    run = cluster.run_ctl(kind, 'edit-config', '--force', '--quiet', '-s', 'maximum_lag_on_failover=%d' % value)
    expect(run.returncode == 0, 'edit-config by %s: %s' % (kind, run.stdout))
    for node in cluster.alive():
        wait_for('/config of %s has it' % node.name,
                 lambda n=node: json.loads(n.rest('/config')[1] or '{}').get('maximum_lag_on_failover') == value, 15)


def tools_list(cluster):
    """Both tools, at nodes of both kinds, see the same members."""
    for kind in (OURS, PATRONI):
        for node in cluster.alive():
            run = cluster.run_ctl(kind, 'list', '-f', 'json', node=node)
            expect(run.returncode == 0, 'list by %s: %s' % (kind, run.stdout))
            names = sorted(m['Member'] for m in json.loads(run.stdout))
            expect(names == sorted(n.name for n in cluster.nodes), 'list by %s shows %s' % (kind, names))


def kill_and_return(cluster, kind):
    """The leader, a node of `kind`, is killed whole; another one takes over, nothing acknowledged under a healthy cluster is
    lost, and the killed one follows again."""
    leader = cluster.wait_healthy()
    if leader.kind != kind:
        switch(cluster, kind, next(n for n in cluster.nodes if n.kind == kind))
        leader = cluster.wait_healthy()
    expect(leader.sql('create table if not exists t (i int)') is not None, 'a table can be made')
    expect(leader.sql('insert into t select count(*) from t') is not None, 'a row can be written')
    rows = leader.sql('select count(*) from t')
    wait_for('the row is everywhere', lambda: all(n.sql('select count(*) from t') == rows for n in cluster.nodes), 20)
    leader.kill()
    heir = wait_for('another node leads', cluster.healthy, 90)
    expect(heir is not leader and heir.sql('select count(*) from t') == rows, 'the heir has the row')
    leader.start()
    expect(cluster.wait_healthy() is heir, 'the heir still leads')


def scenario(kinds, first):
    def test(agent, ctl):
        with Cluster(kinds, agent, ctl, BASE) as cluster:
            bring_up(cluster, next(n for n in cluster.nodes if n.kind == first))
            views_agree(cluster)
            tools_list(cluster)
            ours = next(n for n in cluster.nodes if n.kind == OURS)
            theirs = next(n for n in cluster.nodes if n.kind == PATRONI)
            for target in (theirs, ours, theirs) if first == OURS else (ours, theirs, ours):
                switch(cluster, cluster.wait_healthy().kind, target)
                views_agree(cluster)
            edit_config(cluster, OURS, 2000000)
            edit_config(cluster, PATRONI, 3000000)
            pause_and_resume(cluster, OURS)
            pause_and_resume(cluster, PATRONI)
            kill_and_return(cluster, OURS)
            kill_and_return(cluster, PATRONI)
            views_agree(cluster)
    return test


def two_of_ours_one_patroni(agent, ctl):
    scenario([OURS, OURS, PATRONI], OURS)(agent, ctl)


def one_of_ours_two_patroni(agent, ctl):
    scenario([OURS, PATRONI, PATRONI], PATRONI)(agent, ctl)


def synchronous_standby_steps_aside(agent, ctl):          # SYNC-036, HA-339, DCS-071
    dcs = {'ttl': 20, 'loop_wait': 1, 'retry_timeout': 3, 'synchronous_mode': True}
    with Cluster([PATRONI, OURS], agent, ctl, BASE, dcs=dcs) as cluster:
        leader, standby = cluster.nodes
        bring_up(cluster, leader)
        wait_for('our node is the synchronous one', lambda: standby.rest('/sync')[0] == 200, 30)
        answers = []
        restart = threading.Thread(target=lambda: answers.append(standby.rest('/restart', 'POST', {}, timeout=60)))
        restart.start()
        wait_for('it is published as nosync', lambda: cluster.view_of(leader).get(standby.name, {}).get('tags', {}).get('nosync'), 10,
                 every=0.01)
        restart.join()
        expect(answers[0][0] == 200, 'restart: %d %s' % answers[0])
        wait_for('it is the synchronous one again', lambda: standby.rest('/sync')[0] == 200, 30)
        expect('nosync' not in cluster.view_of(leader)[standby.name].get('tags', {}), 'and not published as nosync')


if __name__ == '__main__':
    sys.exit(main([two_of_ours_one_patroni, one_of_ours_two_patroni, synchronous_standby_steps_aside], sys.argv))
