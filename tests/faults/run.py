#!/usr/bin/env python3
"""Breaks real clusters, each node a network namespace of its own, and measures what their clients notice.

    run.py AGENT [--runs N] [--logs FOLDER] [scenario ...]

As root. Prints a line for each run, then a table with the worst value of each scenario; ends with status 1 if a limit was
exceeded. See README.md.
"""
import argparse
import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import net                                          # noqa: E402
import wakeup                                       # noqa: E402
from cluster import Cluster, wait_for               # noqa: E402
from probes import Probes, mono                     # noqa: E402
from scenarios import ALL                           # noqa: E402

WAKEUP = 'guardian_wakeup'                          # measured without a cluster
MEASURED = ('outage_ms', 'two_primaries_ms', 'lost')


def course_of(scenario, cluster, old):
    """The fault as a generator, also if it has nothing to do afterwards."""
    course = scenario.fault(cluster, old)
    if course is not None:
        yield from course


def once(scenario, cluster):
    old = cluster.wait_healthy(90)
    old.sql('TRUNCATE faults')
    with Probes(cluster.nodes) as probes, contextlib.closing(course_of(scenario, cluster, old)) as course:
        wait_for('writes', lambda: probes.last_from(old), 10)
        time.sleep(0.5)
        begin = mono()
        next(course, None)
        time.sleep(max(0.0, begin + scenario.lasts - mono()))
        next(course, None)
        cluster.heal()
        new = cluster.leader()
        next(course, None)
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


def several(scenario, programs, options):
    results, wrong = [], []
    logs = os.path.join(options.logs, scenario.name) if options.logs else None
    with Cluster(programs['matriarch'], programs['matriarchctl'], logs, **scenario.options) as cluster:
        for number in range(options.runs):
            result = once(scenario, cluster)
            results.append(result)
            bad = faults_of(scenario, result)
            wrong += bad
            print('%-30s run %d: %s%s' % (scenario.name, number + 1, ', '.join('%s %s' % kv for kv in result.items()),
                                          '  <-- ' + '; '.join(bad) if bad else ''), flush=True)
    return results, wrong


def attempt(scenario, programs, options):
    """(results, what is wrong)"""
    try:
        return several(scenario, programs, options)
    except Exception as error:  # pylint: disable=broad-except
        traceback.print_exc()
        return [], ['%s: %s' % (type(error).__name__, error)]


def copy_programs(agent, folder):
    """To where the servers' user may run them: the build folder may be closed to it. {name: path}"""
    os.chmod(folder, 0o755)
    beside, programs = os.path.dirname(os.path.abspath(agent)), {}
    for name in 'matriarch', 'matriarch-guardian', 'matriarchctl':
        found = [p for p in (os.path.join(beside, name), os.path.join(beside, '..', name, name)) if os.path.isfile(p)]
        if not found:
            raise SystemExit('no %s beside %s' % (name, agent))
        programs[name] = shutil.copy(found[0], folder)
    return programs


def run_all(programs, options):
    """The table's rows: (name, results, verdict); how many failed"""
    table, failed, wanted = [], 0, options.scenario
    for scenario in ALL:
        if wanted and scenario.name not in wanted:
            continue
        why_not = scenario.why_not()
        if why_not:
            print('%-30s SKIPPED: %s' % (scenario.name, why_not), flush=True)
            table.append((scenario.name, [], 'SKIPPED: ' + why_not))
            continue
        results, wrong = attempt(scenario, programs, options)
        failed += bool(wrong)
        table.append((scenario.name, results, 'FAILED: ' + '; '.join(wrong) if wrong else 'ok'))
    if not wanted or WAKEUP in wanted:
        wrong = wakeup.run(programs['matriarch-guardian'])
        failed += bool(wrong)
        table.append((WAKEUP, [], 'FAILED: ' + '; '.join(wrong) if wrong else 'ok, see above'))
    return table, failed


def wait_for_others():
    """Names of machines and addresses are the same in each run. The lock goes on when this program executes itself anew."""
    lock = os.open('/run/lock/matriarch-faults', os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print('waiting for another run on this machine to end', flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    os.set_inheritable(lock, True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('agent')
    p.add_argument('--runs', type=int, default=1)
    p.add_argument('--logs', help='where to leave the logs of all agents')
    p.add_argument('scenario', nargs='*')
    options = p.parse_intermixed_args()     # scenarios may follow the options
    if os.geteuid() != 0:
        raise SystemExit('network namespaces need root: run it with sudo')
    if os.environ.get('MATRIARCH_FAULTS_HUB') != '1':     # the tests themselves live in the clients' namespace
        wait_for_others()
        net.remove_all()
        net.make_hub()
        os.environ['MATRIARCH_FAULTS_HUB'] = '1'
        os.execvp('ip', ['ip', 'netns', 'exec', net.HUB, sys.executable, *sys.argv])
    names = [s.name for s in ALL] + [WAKEUP]
    unknown = set(options.scenario) - set(names)
    if unknown:
        raise SystemExit('unknown: %s; there are: %s' % (', '.join(sorted(unknown)), ', '.join(names)))
    with tempfile.TemporaryDirectory(prefix='matriarch-programs.') as folder:
        table, failed = run_all(copy_programs(options.agent, folder), options)
    print('\n%-30s %10s %12s %8s   worst of %d' % ('', 'outage ms', 'two prim. ms', 'lost', options.runs))
    for name, results, verdict in table:
        worst = [max((r[k] for r in results), default='-') for k in MEASURED]
        print('%-30s %10s %12s %8s   %s' % (name, *worst, verdict))
    skipped = sum(v.startswith('SKIPPED') for _, _, v in table)
    print('%d passed, %d failed, %d skipped' % (len(table) - failed - skipped, failed, skipped))
    return 1 if failed or not table else 0


if __name__ == '__main__':
    sys.exit(main())
