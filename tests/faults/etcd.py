"""An etcd, asked directly by its JSON gateway."""
import base64
import http.client
import json


class Etcd:
    def __init__(self, address):
        self.address = address

    def post(self, path, body, timeout=2):
        """{} without an answer"""
        connection = http.client.HTTPConnection(self.address, 2379, timeout=timeout)
        try:
            connection.request('POST', '/v3' + path, json.dumps(body))
            return json.loads(connection.getresponse().read())
        except (OSError, ValueError, http.client.HTTPException):
            return {}
        finally:
            connection.close()

    def status(self):
        return self.post('/maintenance/status', {})

    def member_id(self):
        status = self.status()
        return status['header']['member_id'] if 'header' in status else None

    def is_leader(self):
        status = self.status()
        return 'header' in status and status.get('leader') == status['header']['member_id']

    def hand_over(self, member_id):
        return self.post('/maintenance/transfer-leadership', {'targetID': member_id}, 5)

    def put(self, key, value):
        encoded = [base64.b64encode(text.encode()).decode() for text in (key, value)]
        return 'header' in self.post('/kv/put', {'key': encoded[0], 'value': encoded[1]}, 5)
