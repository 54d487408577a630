"""Machines on one machine: a network namespace for each node, all on one bridge, and cables that can be cut.

Addresses: nodes 10.77.0.1.., store members 10.77.0.11.., clients 10.77.0.254 (the namespace the tests themselves run in).
"""
import os
import signal
import subprocess
import time

HUB = 'mf-hub'
CLIENT = '10.77.0.254'


def run(*command, check=True):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    if check and done.returncode != 0:
        raise RuntimeError('%s: %s' % (' '.join(command), done.stdout.strip()))
    return done.stdout


class Machine:
    """One namespace. `cut` and `heal` work on packets, so whatever is open stays open and silent, as with a real cable."""

    def __init__(self, name, address):
        self.name, self.address = 'mf-' + name, address

    def make(self):
        link = 'v-' + self.name
        run('ip', 'netns', 'add', self.name)
        run('ip', 'link', 'add', link, 'netns', HUB, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', self.name)
        run('ip', '-n', HUB, 'link', 'set', link, 'master', 'br0', 'up')
        run('ip', '-n', self.name, 'addr', 'add', self.address + '/24', 'dev', 'eth0')
        for device in 'lo', 'eth0':
            run('ip', '-n', self.name, 'link', 'set', device, 'up')
        self._nft('add table inet cable')
        self._nft('add chain inet cable inward { type filter hook input priority 0; }')
        self._nft('add chain inet cable outward { type filter hook output priority 0; }')

    def _nft(self, command):
        run('ip', 'netns', 'exec', self.name, 'nft', command)

    def remove(self):
        """With every process in it: a namespace, and its cable, live as long as one does."""
        for _ in range(100):
            pids = [int(p) for p in run('ip', 'netns', 'pids', self.name, check=False).split() if p.isdigit()]
            if not pids:
                break
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.02)
        run('ip', '-n', HUB, 'link', 'del', 'v-' + self.name, check=False)
        run('ip', 'netns', 'del', self.name, check=False)

    def command(self, command):
        """What runs `command` in here, as the servers' user, with one process and no shell between."""
        return ['nsenter', '--net=/run/netns/' + self.name, 'setpriv', '--reuid=postgres', '--regid=postgres',
                '--init-groups', '--', *command]

    def cut(self, others, inward=True, outward=True):
        for other in others:
            if inward:
                self._nft('add rule inet cable inward ip saddr %s drop' % other.address)
            if outward:
                self._nft('add rule inet cable outward ip daddr %s drop' % other.address)

    def heal(self):
        self._nft('flush table inet cable')


def make_hub():
    run('ip', 'netns', 'add', HUB)
    run('ip', '-n', HUB, 'link', 'add', 'br0', 'type', 'bridge')
    run('ip', '-n', HUB, 'addr', 'add', CLIENT + '/24', 'dev', 'br0')
    for device in 'lo', 'br0':
        run('ip', '-n', HUB, 'link', 'set', device, 'up')


def remove_all():
    """What a former run left behind."""
    for line in run('ip', 'netns', 'list').splitlines():
        name = line.split()[0] if line else ''
        if name.startswith('mf-'):
            Machine(name[3:], None).remove()
