"""A volume of its own: a file with an ext4 in it, mounted through a loop device, that can be frozen and filled.

The tests run in a mount namespace of their own (`ip netns exec` makes one), so nothing stays mounted after them.
"""
import errno
import os
import shutil
import subprocess
import tempfile

from net import run


class Disk:
    def __init__(self, image, mount_point, megabytes):
        self.image, self.mount_point, self.megabytes = image, mount_point, megabytes
        self.holder = None

    def make(self):
        with open(self.image, 'wb') as f:
            f.truncate(self.megabytes << 20)        # holes: only what is written takes space
        run('mkfs.ext4', '-q', '-F', '-m', '0', self.image)
        os.makedirs(self.mount_point, exist_ok=True)
        run('mount', '-o', 'loop', self.image, self.mount_point)
        shutil.chown(self.mount_point, 'postgres', 'postgres')

    def freeze(self):
        """Every write waits from now on, uninterruptibly, whoever it is. The process that holds it frozen thaws it when its
        input ends: also when the tests are killed."""
        self.holder = subprocess.Popen(
            ['sh', '-c', 'fsfreeze --freeze "$0" && echo frozen && read -r _; fsfreeze --unfreeze "$0"', self.mount_point],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        if self.holder.stdout.readline() != b'frozen\n':
            raise RuntimeError('cannot freeze ' + self.mount_point)

    def thaw(self):
        if self.holder:
            self.holder.communicate()
            self.holder = None

    def fill(self):
        with open(os.path.join(self.mount_point, 'filler'), 'wb', buffering=0) as f:
            for size in 1 << 20, 4096:
                try:
                    while True:
                        f.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def drain(self):
        path = os.path.join(self.mount_point, 'filler')
        if os.path.exists(path):
            os.unlink(path)

    def remove(self):
        self.thaw()
        run('umount', '--lazy', self.mount_point, check=False)


def why_not():
    """The reason why there can be no such disk here; None if there can."""
    folder = tempfile.mkdtemp(prefix='matriarch-disk.')
    disk = Disk(os.path.join(folder, 'image'), os.path.join(folder, 'disk'), 16)
    try:
        disk.make()
        disk.freeze()
    except (RuntimeError, OSError) as error:
        return 'no loop-mounted disk: %s' % error
    finally:
        disk.remove()
        shutil.rmtree(folder, ignore_errors=True)
    return None
