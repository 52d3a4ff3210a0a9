"""The REST API from another program, with nothing but the standard library.

    python examples/rest_client.py [PHOTO] [OUTPUT]

It starts ``faceveil serve`` on a free port of this machine with a token of its own, sends a photo,
saves the answer, asks whether it worked, and stops the server. Without a photo it takes the
public-domain portrait that the package carries. Needs the extra ``web``.
"""

import json
import subprocess
import sys
import uuid
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen


@contextmanager
def server():
    """A running server: its address and token."""
    command = [sys.executable, "-m", "faceveil", "serve", "--port", "0", "--token", "new"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()  # "faceveil: http://127.0.0.1:PORT/#token=TOKEN"
        if not line:
            sys.exit("the server did not start")
        url, _, token = line.split()[-1].partition("#token=")
        yield f"{url}api/v1", token
    finally:
        process.terminate()
        process.wait(30)


def post(address, token, files, fields):
    """Send a form; returns the body of the answer."""
    border = uuid.uuid4().hex
    body = b""
    for name, value in fields.items():
        head = f'--{border}\r\nContent-Disposition: form-data; name="{name}"'
        body += f"{head}\r\n\r\n{value}\r\n".encode()
    for name, data in files.items():
        head = f'--{border}\r\nContent-Disposition: form-data; name="{name}"; filename="photo"\r\n'
        body += f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + data + b"\r\n"
    body += f"--{border}--\r\n".encode()
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": f"multipart/form-data; boundary={border}",
    }
    try:
        with urlopen(Request(address, body, headers), timeout=120) as answer:
            return answer.read()
    except HTTPError as error:  # {"code": "...", "message": "..."}
        sys.exit(json.load(error)["message"])


def main():
    """Protect one photo through the API."""
    portrait = Path(str(resources.files("faceveil"))) / "assets" / "astronaut.png"
    photo = Path(sys.argv[1]) if len(sys.argv) > 1 else portrait
    output = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("protected.png")
    original = photo.read_bytes()
    with server() as (api, token):
        protected = post(f"{api}/protect", token, {"photo": original}, {"strength": 1})
        output.write_bytes(protected)
        files = {"original": original, "protected": protected}
        answer = json.loads(post(f"{api}/check", token, files, {}))
    for face in answer["faces"]:
        print(face["verdict"])
    print(f"{output}: {'it worked' if answer['passed'] else 'it did not work on every face'}")


if __name__ == "__main__":
    main()
