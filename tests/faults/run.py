#!/usr/bin/env python3
"""Breaks real clusters, each node a network namespace of its own, and measures what their clients notice.

    run.py AGENT [--runs N] [scenario ...]

As root. Prints a line for each run, then a table with the worst value of each scenario; ends with status 1 if a limit was
exceeded. See README.md.
"""
import argparse
import os
import shutil
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import net                                          # noqa: E402
from cluster import Cluster, wait_for               # noqa: E402
from probes import Probes, mono                     # noqa: E402
from scenarios import ALL                           # noqa: E402

MEASURED = ('outage_ms', 'two_primaries_ms', 'lost')


def once(scenario, cluster):
    old = cluster.wait_healthy(90)
    old.sql('TRUNCATE faults')
    with Probes(cluster.nodes) as probes:
        wait_for('writes', lambda: probes.last_from(old), 10)
        time.sleep(0.5)
        begin = mono()
        undo = scenario.fault(cluster, old)
        time.sleep(max(0.0, begin + scenario.lasts - mono()))
        if undo:
            undo()
        cluster.heal()
        new = cluster.leader()
        wait_for('a write after the fault', lambda: probes.acknowledged_since(mono() - 0.2), 30)
        end = mono()
    time.sleep(0.2)
    result = probes.analyse(begin, end, wait_for('the leader', cluster.leader, 20))
    result['led_before'], result['leads_after'] = old.name, new.name if new else None
    return result


def faults_of(scenario, result):
    wrong = []
    for key, most in zip(MEASURED, (scenario.outage, scenario.two, scenario.lost)):
        if most is not None and result[key] > most:
            wrong.append('%s %s > %s' % (key, result[key], most))
    moved = result['led_before'] != result['leads_after']
    if scenario.same_leader is not None and moved == scenario.same_leader:
        wrong.append('led by %s before, by %s after' % (result['led_before'], result['leads_after']))
    return wrong


def several(scenario, agent, runs):
    results, wrong = [], []
    with Cluster(agent, **scenario.options) as cluster:
        for number in range(runs):
            result = once(scenario, cluster)
            results.append(result)
            bad = faults_of(scenario, result)
            wrong += bad
            print('%-30s run %d: %s%s' % (scenario.name, number + 1, ', '.join('%s %s' % kv for kv in result.items()),
                                          '  <-- ' + '; '.join(bad) if bad else ''), flush=True)
    return results, wrong


def main():
    p = argparse.ArgumentParser()
    p.add_argument('agent')
    p.add_argument('--runs', type=int, default=1)
    p.add_argument('scenario', nargs='*')
    options = p.parse_args()
    if os.geteuid() != 0:
        raise SystemExit('network namespaces need root: run it with sudo')
    if os.environ.get('MATRIARCH_FAULTS_HUB') != '1':     # the tests themselves live in the clients' namespace
        net.remove_all()
        net.make_hub()
        os.environ['MATRIARCH_FAULTS_HUB'] = '1'
        os.execvp('ip', ['ip', 'netns', 'exec', net.HUB, sys.executable, *sys.argv])
    unknown = set(options.scenario) - {s.name for s in ALL}
    if unknown:
        raise SystemExit('unknown: %s; there are: %s' % (', '.join(sorted(unknown)), ', '.join(s.name for s in ALL)))
    programs = tempfile.mkdtemp(prefix='matriarch-programs.')   # where the servers' user may run them
    os.chmod(programs, 0o755)
    agent = shutil.copy(options.agent, programs)
    for beside in ('matriarch-guardian',):
        source = os.path.join(os.path.dirname(options.agent), beside)
        if os.path.exists(source):
            shutil.copy(source, programs)
    table, failed = [], 0
    try:
        for scenario in ALL:
            if options.scenario and scenario.name not in options.scenario:
                continue
            try:
                results, wrong = several(scenario, agent, options.runs)
            except Exception as error:  # pylint: disable=broad-except
                traceback.print_exc()
                results, wrong = [], ['%s: %s' % (type(error).__name__, error)]
            failed += bool(wrong)
            table.append((scenario, results, wrong))
    finally:
        shutil.rmtree(programs, ignore_errors=True)
    print('\n%-30s %10s %12s %8s   worst of %d' % ('', 'outage ms', 'two prim. ms', 'lost', options.runs))
    for scenario, results, wrong in table:
        worst = [max((r[k] for r in results), default='-') for k in MEASURED]
        print('%-30s %10s %12s %8s   %s' % (scenario.name, *worst, 'ok' if not wrong else 'FAILED: ' + '; '.join(wrong)))
    print('%d passed, %d failed' % (len(table) - failed, failed))
    return 1 if failed or not table else 0


if __name__ == '__main__':
    sys.exit(main())
