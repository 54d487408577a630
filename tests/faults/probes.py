"""A client of every server, all the time: each commits a row where it can, every few milliseconds, and remembers when it was
told that the row is safe. From that alone follow the outage, the time with two primaries, and what was lost."""
import itertools
import threading
import time

import psycopg2

TABLE = 'CREATE TABLE IF NOT EXISTS faults (id bigint PRIMARY KEY, node text NOT NULL)'
mono = time.monotonic


class Probe(threading.Thread):
    """Writes to one server through one connection. Blocks as long as that server is silent, like any client."""

    def __init__(self, node, numbers, period):
        super().__init__(daemon=True)
        self.node, self.numbers, self.period = node, numbers, period
        self.acknowledged = []              # (when, id)
        self.ended = threading.Event()

    def run(self):
        connection = None
        while not self.ended.wait(self.period):
            try:
                if connection is None:
                    connection = psycopg2.connect(self.node.dsn(), connect_timeout=2)
                    connection.autocommit = True
                row = next(self.numbers)
                connection.cursor().execute('INSERT INTO faults VALUES (%s, %s)', (row, self.node.name))
                self.acknowledged.append((mono(), row))
            except psycopg2.Error as error:
                if connection is None or connection.closed or not isinstance(error, psycopg2.errors.ReadOnlySqlTransaction):
                    connection = None
                else:
                    time.sleep(0.01)        # a standby: ask again, on the same connection


class Probes:
    def __init__(self, nodes, period=0.005):
        numbers = itertools.count(1)
        self.probes = [Probe(node, numbers, period) for node in nodes]

    def __enter__(self):
        for probe in self.probes:
            probe.start()
        return self

    def __exit__(self, *_):
        for probe in self.probes:
            probe.ended.set()

    def last_from(self, node):
        acknowledged = next(p for p in self.probes if p.node is node).acknowledged
        return acknowledged[-1][0] if acknowledged else None

    def acknowledged_since(self, since, but=None):
        return any(p.acknowledged and p.acknowledged[-1][0] > since for p in self.probes if p.node is not but)

    def analyse(self, begin, end, survivor):
        """outage_ms: the longest time without any acknowledgement. two_primaries_ms: the longest time in which two servers
        acknowledged side by side. lost: acknowledged rows that the survivor does not have."""
        events = sorted((t, p.node.name, row) for p in self.probes for t, row in list(p.acknowledged))
        times = [begin] + [t for t, _, _ in events if begin < t < end] + [end]
        present = {int(row) for row in survivor.sql('SELECT id FROM faults')}
        lost = [row for t, _, row in events if row not in present and t < end]
        return {'outage_ms': round(max(b - a for a, b in zip(times, times[1:])) * 1000),
                'two_primaries_ms': round(side_by_side(events) * 1000), 'lost': len(lost), 'acknowledged': len(events)}


def reigns(times, pause=1.0):
    """[first, last] of the runs of acknowledgements without a long pause."""
    result = []
    for t in times:
        if result and t - result[-1][1] < pause:
            result[-1][1] = t
        else:
            result.append([t, t])
    return result


def side_by_side(events):
    """Seconds. One single acknowledgement within another server's reign counts as a millisecond."""
    nodes = {name: reigns([t for t, n, _ in events if n == name]) for name in {n for _, n, _ in events}}
    longest = 0.0
    for one, other in itertools.combinations(nodes.values(), 2):
        for a in one:
            for b in other:
                shared = min(a[1], b[1]) - max(a[0], b[0])
                if shared >= 0:
                    longest = max(longest, shared + 0.001)
    return longest
