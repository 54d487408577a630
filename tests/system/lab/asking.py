"""What every test that is a script needs: to wait for something, to ask a node's REST API, to find PostgreSQL."""
import glob
import http.client
import json
import time


class Failure(AssertionError):
    pass


def wait_for(what, condition, seconds=60, every=0.05):
    """The condition's first truthy value; Failure with `what` if there is none in time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise Failure('not within %d s: %s' % (seconds, what))
        time.sleep(every)


def newest_bindir():
    dirs = sorted(glob.glob('/usr/lib/postgresql/*/bin'), key=lambda d: int(d.split('/')[4]))
    if not dirs:
        raise SystemExit('no PostgreSQL server is installed; run scripts/install-deps')
    return dirs[-1]


def ask(host, port, path, method='GET', body=None, timeout=30, raw=False):
    """(status, text); (0, reason) if there was no answer. `body` is sent as JSON, or as it is if `raw`."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        data = body if raw or body is None else json.dumps(body)
        connection.request(method, path, data, {'Content-Type': 'application/json'})
        response = connection.getresponse()
        return response.status, response.read().decode(errors='replace')
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()


def document(answer):
    """The JSON of what ask() returned; {} without any."""
    code, text = answer
    try:
        return json.loads(text) if code else {}
    except ValueError:
        return {}
