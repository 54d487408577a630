#!/usr/bin/python3
"""The Debian package: built from the programs of this build, unpacked and installed under a folder of its own (nothing of
this machine is touched), its programs run, its unit checked.

    deb_test.py PACKAGING_DEB_BUILD BUILD_DIR
"""
import glob
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile

failures = []


def check(condition, what):
    print('%s %s' % ('ok  ' if condition else 'FAIL', what), flush=True)
    if not condition:
        failures.append(what)


def run(*command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          universal_newlines=True, timeout=120, **more)


def output(*command):
    done = run(*command)
    if done.returncode != 0:
        raise RuntimeError('%s: %s' % (' '.join(command), done.stdout))
    return done.stdout


def field(package, name):
    return output('dpkg-deb', '--field', package, name).strip()


def check_control(package):
    check(re.fullmatch(r'\d+\.\d+\.\d+(~dev\d+\.g[0-9a-f]{8})?', field(package, 'Version')), 'version ' + field(package, 'Version'))
    depends = [d.split()[0] for d in field(package, 'Depends').split(',')]
    for library in ('libc6', 'libpq5', 'libssl3', 'libyaml-cpp', 'libboost-json', 'libfmt'):
        check(any(d.startswith(library) for d in depends), 'depends on ' + library)
    check('shlibs' not in field(package, 'Depends'), 'nothing is left to be substituted')
    recommends = field(package, 'Recommends')
    check('postgresql' in recommends and 'etcd-server' in recommends, 'recommends the servers')


def check_files(package, root):
    for path, mode in {'usr/bin/matriarch': 0o755, 'usr/bin/matriarchctl': 0o755, 'usr/bin/matriarch-guardian': 0o755,
                       'lib/systemd/system/matriarch.service': 0o644, 'etc/matriarch': 0o755,
                       'usr/share/doc/matriarch/copyright': 0o644, 'usr/share/doc/matriarch/changelog.gz': 0o644,
                       'usr/share/doc/matriarch/guardian.md': 0o644,
                       'usr/share/doc/matriarch/examples/matriarch.yml': 0o644}.items():
        full = os.path.join(root, path)
        check(os.path.exists(full) and stat.S_IMODE(os.lstat(full).st_mode) == mode, '%s with mode %o' % (path, mode))
    listed = output('dpkg-deb', '--contents', package).splitlines()
    check(all(line.split()[1] == 'root/root' for line in listed), 'all of it is root\'s')
    check(not os.listdir(os.path.join(root, 'etc/matriarch')), 'no configuration that anybody would have to undo')
    with open(os.path.join(root, 'usr/share/doc/matriarch/copyright')) as f:
        text = f.read()
    check('Permission is hereby granted' in text and '@license@' not in text, 'the license')
    check(run('md5sum', '--check', '--quiet', os.path.join(root, 'DEBIAN/md5sums'), cwd=root).returncode == 0, 'md5sums')


def check_programs(root):
    for program in ('matriarch', 'matriarchctl'):
        path = os.path.join(root, 'usr/bin', program)
        arguments = ['version'] if program == 'matriarchctl' else ['--version']
        done = run(path, *arguments)
        check(done.returncode == 0 and re.search(r'\d+\.\d+', done.stdout), '%s: %s' % (program, done.stdout.strip()))
        sections = output('readelf', '--section-headers', '--wide', path)
        check('.debug_info' not in sections and '.symtab' not in sections, program + ' is stripped')
    check(run(os.path.join(root, 'usr/bin/matriarch-guardian')).returncode == 2, 'matriarch-guardian runs')
    check('(NEEDED)' not in output('readelf', '--dynamic', '--wide', os.path.join(root, 'usr/bin/matriarch-guardian')),
          'and needs no library')
    example = os.path.join(root, 'usr/share/doc/matriarch/examples/matriarch.yml')
    done = run(os.path.join(root, 'usr/bin/matriarch'), '--validate-config', '--print', example)
    wrong = [line for line in done.stdout.splitlines() if 'unknown' in line.lower() or 'expected' in line.lower()]
    check(not wrong, 'the example is a configuration: %s' % wrong)


def check_unit(root, scratch):
    with open(os.path.join(root, 'lib/systemd/system/matriarch.service')) as f:
        unit = f.read()
    for line in ('Type=notify', 'User=postgres', 'KillMode=process', 'OOMPolicy=continue', 'Delegate=yes', 'Restart=on-failure',
                 'LimitRTPRIO=1', 'LimitMEMLOCK=64M', 'RuntimeDirectory=matriarch', 'RuntimeDirectoryPreserve=yes',
                 'ExecReload=/bin/kill -HUP $MAINPID'):
        check(line in unit.splitlines(), line)
    if shutil.which('systemd-analyze') is None:
        print('SKIP systemd-analyze is not here: the unit was not verified', flush=True)
        return
    # The programs are elsewhere, and their user need not be known here.
    copy = os.path.join(scratch, 'matriarch.service')
    with open(copy, 'w') as f:
        f.write(unit.replace('/usr/bin/', root + '/usr/bin/'))
    done = run('systemd-analyze', 'verify', '--man=no', copy)
    about_us = [line for line in done.stdout.splitlines() if 'matriarch' in line]
    check(not about_us, 'systemd-analyze verify: %s' % (about_us or 'nothing to say'))


def check_scripts(package, scratch):
    """Installed, removed and purged below a folder, with a database of its own."""
    root = os.path.join(scratch, 'machine')
    for folder in ('var/lib/dpkg/info', 'var/lib/dpkg/updates', 'var/lib/dpkg/triggers', 'var/log'):
        os.makedirs(os.path.join(root, folder))
    for name in ('status', 'available'):
        open(os.path.join(root, 'var/lib/dpkg', name), 'w').close()
    dpkg = ['dpkg', '--root=' + root, '--log=' + os.path.join(scratch, 'dpkg.log'), '--force-not-root',
            '--force-script-chrootless', '--force-depends']
    for arguments in (['--install', package], ['--install', package], ['--remove', 'matriarch'], ['--purge', 'matriarch']):
        if arguments[0] == '--remove':
            check(os.path.exists(os.path.join(root, 'usr/bin/matriarch')), 'installed')
        done = run(*dpkg, *arguments)
        check(done.returncode == 0, 'dpkg %s: %s' % (arguments[0], done.stdout if done.returncode else 'done'))
    left = [f for f in glob.glob(root + '/**/*matriarch*', recursive=True) if not os.path.isdir(f)]
    check(not left, 'nothing is left: %s' % left)


def check_reproducible(build, build_dir, package, scratch):
    again = output(build, build_dir, os.path.join(scratch, 'again')).splitlines()[-1]
    with open(package, 'rb') as one, open(again, 'rb') as other:
        check(one.read() == other.read(), 'built twice, the same package')


def main():
    build, build_dir = sys.argv[1:3]
    if shutil.which('dpkg-deb') is None or shutil.which('dpkg-shlibdeps') is None:
        print('SKIP dpkg-dev is not here')
        return 77
    scratch = tempfile.mkdtemp(prefix='matriarch-deb.')
    os.chmod(scratch, 0o755)
    try:
        package = output(build, build_dir, os.path.join(scratch, 'out')).splitlines()[-1]
        root = os.path.join(scratch, 'root')
        output('dpkg-deb', '--raw-extract', package, root)
        check_control(package)
        check_files(package, root)
        check_programs(root)
        check_unit(root, scratch)
        check_scripts(package, scratch)
        check_reproducible(build, build_dir, package, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print('%d failed' % len(failures))
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
