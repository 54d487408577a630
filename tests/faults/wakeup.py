"""How late the guardian strikes when more processes want to run than there are processors. Speaks the guardian's own protocol
(src/guard/protocol.h), so that nothing but the guardian is measured: 250 deadlines without a server, each 10 to 40 ms away."""
import array
import os
import random
import shutil
import socket
import struct
import subprocess
import tempfile
import time

REQUEST = struct.Struct('=IHHQQqq64siIQ64s')
REPLY = struct.Struct('=IHHHHiQqq64siIQqqIIII')
MAGIC, VERSION, HELLO, ARM = 0x4d544744, 1, 2, 3
STRIKES = 250
LIMIT_MS = 20       # of the 99th percentile
LIMIT_KB = 1024


def boot_now():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def directory_hash(path):
    value = 0xcbf29ce484222325
    for byte in path.encode():
        value = (value ^ byte) * 0x100000001b3 % 2 ** 64
    return value


class Guardian:
    """One that runs as the servers' user, with or without the right to real-time priority, and this process as its agent."""

    def __init__(self, program, folder, real_time):
        self.data = os.path.join(folder, 'data')
        place = os.path.join(folder, 'guardian')
        for path in self.data, place:
            os.makedirs(path)
            shutil.chown(path, 'postgres', 'postgres')
        os.chmod(place, 0o700)
        nice = ['--inh-caps=+sys_nice', '--ambient-caps=+sys_nice'] if real_time else []
        self.process = subprocess.Popen(
            ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups', *nice, '--', program, place, self.data],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, start_new_session=True)
        if self.process.stdout.read(1) != b'1':
            raise RuntimeError('the guardian did not start')
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(10)
        self.socket.connect(os.path.join(place, 'guardian.sock'))
        own = os.pidfd_open(os.getpid())
        self.epoch = 0
        self.epoch = self.ask(HELLO, descriptor=own)['epoch']
        os.close(own)

    def receive(self):
        fields = REPLY.unpack(self.socket.recv(REPLY.size + 1))
        return {'to': fields[2], 'refusal': fields[3], 'epoch': fields[6], 'kill_at': fields[7], 'struck_at': fields[13],
                'real_time': fields[17] == 1}

    def ask(self, what, kill_at=0, descriptor=None):
        message = REQUEST.pack(MAGIC, VERSION, what, directory_hash(self.data), self.epoch, kill_at, kill_at, b'7', 0, 0, 0,
                               b'postgres')
        attached = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [descriptor]))] if descriptor else []
        self.socket.sendmsg([message], attached)
        answer = self.receive()
        if answer['to'] != what or answer['refusal'] != 0:
            raise RuntimeError('the guardian answered %s' % answer)
        return answer

    def lateness(self):
        """Milliseconds from a deadline to the strike."""
        kill_at = boot_now() + random.randrange(10_000_000, 40_000_000)
        try:
            self.ask(ARM, kill_at)
        except RuntimeError:
            if boot_now() < kill_at:
                raise
            return None             # this process was late, not the guardian
        return (self.receive()['struck_at'] - kill_at) / 1e6

    def kilobytes(self):
        """(resident, proportional)"""
        with open('/proc/%d/smaps_rollup' % self.process.pid) as f:
            sizes = {line.split(':')[0]: int(line.split()[1]) for line in f if ' kB' in line}
        return sizes['Rss'], sizes['Pss']

    def end(self):
        self.socket.close()
        self.process.kill()
        self.process.wait()


def measure(program, real_time, load):
    folder = tempfile.mkdtemp(prefix='matriarch-wakeup.')
    os.chmod(folder, 0o755)
    busy = [subprocess.Popen(['sh', '-c', 'while :; do :; done']) for _ in range(load)]
    guardian = None
    try:
        guardian = Guardian(program, folder, real_time)
        granted = guardian.ask(1)['real_time']
        late = []
        while len(late) < STRIKES:
            one = guardian.lateness()
            if one is not None:
                late.append(one)
        late.sort()
        resident, proportional = guardian.kilobytes()
        return {'real_time': granted, 'p50': late[STRIKES // 2], 'p99': late[STRIKES * 99 // 100], 'max': late[-1],
                'rss_kb': resident, 'pss_kb': proportional}
    finally:
        if guardian:
            guardian.end()
        for process in busy:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def run(program):
    """Prints a line for each way of running it; what is wrong."""
    load, wrong = 2 * os.cpu_count(), []
    for real_time in True, False:
        name = 'guardian_wakeup_' + ('real_time' if real_time else 'ordinary')
        found = measure(program, real_time, load)
        bad = []
        if found['real_time'] != real_time:
            bad.append('real-time priority was %s' % ('not granted' if real_time else 'granted nevertheless'))
        if found['p99'] >= LIMIT_MS:
            bad.append('p99 %.1f ms >= %d' % (found['p99'], LIMIT_MS))
        if found['rss_kb'] >= LIMIT_KB:
            bad.append('%d kB >= %d' % (found['rss_kb'], LIMIT_KB))
        print('%-30s p50 %.2f ms, p99 %.2f ms, max %.2f ms late in %d strikes beside %d busy processes; RSS %d kB, PSS %d kB%s'
              % (name, found['p50'], found['p99'], found['max'], STRIKES, load, found['rss_kb'], found['pss_kb'],
                 '  <-- ' + '; '.join(bad) if bad else ''), flush=True)
        wrong += ['%s: %s' % (name, b) for b in bad]
    return wrong
