#!/usr/bin/env python3
"""A harmless process with a number of our choice: the one that somebody important had.

    namesake.py PID FOLDER PROGRAM [ARGUMENT ...]

Runs PROGRAM in FOLDER as the servers' user under that PID, and ends when it ends. As root (clone3 with set_tid).
"""
import ctypes
import os
import pwd
import signal
import subprocess
import sys
import time

CLONE3 = 435    # on every architecture


class CloneArgs(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in (
        'flags', 'pidfd', 'child_tid', 'parent_tid', 'exit_signal', 'stack', 'stack_size', 'tls', 'set_tid', 'set_tid_size',
        'cgroup')]


def fork_as(pid):
    """fork(), but the child has this number; OSError while it is taken."""
    wanted = (ctypes.c_int * 1)(pid)
    arguments = CloneArgs(exit_signal=signal.SIGCHLD, set_tid=ctypes.addressof(wanted), set_tid_size=1)
    libc = ctypes.CDLL(None, use_errno=True)
    child = libc.syscall(CLONE3, ctypes.byref(arguments), ctypes.c_size_t(ctypes.sizeof(arguments)))
    if child < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return child


class Namesake:
    """What the tests hold of it."""

    def __init__(self, pid, folder, program, *arguments):
        self.pid = pid
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), str(pid), folder, program, *arguments],
                                        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True)
        if self.process.stdout.readline() != b'runs\n':
            raise RuntimeError('the number %d could not be had' % pid)

    def lives(self):
        return self.process.poll() is None

    def end(self):
        if self.lives():
            os.kill(self.pid, signal.SIGKILL)
        self.process.wait()


def main():
    pid, folder, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    end = time.monotonic() + 5
    while True:
        try:
            child = fork_as(pid)
            break
        except FileExistsError:         # not reaped yet
            if time.monotonic() > end:
                raise
            time.sleep(0.001)
    if child == 0:
        try:
            user = pwd.getpwnam('postgres')
            os.initgroups('postgres', user.pw_gid)
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            os.chdir(folder)
            os.write(1, b'runs\n')
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            os.execv(command[0], command)
        finally:
            os._exit(127)
    os.waitpid(child, 0)
    return 0


if __name__ == '__main__':
    sys.exit(main())
