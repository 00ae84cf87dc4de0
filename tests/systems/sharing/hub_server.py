"""A stand-in for the hub on this machine: the requests that pushing and fetching a model make, kept in memory."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


class Hub:
    """What it holds: repository → revision → path → bytes; `main` is the last commit."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, dict[str, bytes]]] = {}

    def commit(self, name: str, lines: list[dict]) -> str:
        files = dict(self.repositories[name].get("main", {}))
        for line in lines:
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        sha = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.repositories[name] |= {"main": files, sha: files}
        return sha

    def sha(self, name: str, revision: str) -> str | None:
        versions = self.repositories.get(name, {})
        wanted = versions.get(revision)
        return next((sha for sha, files in versions.items() if files is wanted and len(sha) == 40), None)


@contextmanager
def running() -> Iterator[tuple[Hub, str]]:
    """Serve on a free port; yield the hub and its address."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *words) -> None:
            pass

        def answer(self, status: int, content: bytes | dict | list = b"", **headers: str) -> None:
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for key, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(key.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = self.path.partition("?")[0].strip("/").split("/")
            if parts[1:] == ["repos", "create"]:
                asked = json.loads(body)
                name = f"{asked.get('organization') or 'me'}/{asked['name']}"
                hub.repositories.setdefault(name, {})
                return self.answer(200, {"url": f"https://huggingface.co/{name}"})
            if parts[1:] == ["validate-yaml"]:
                return self.answer(200, {"errors": [], "warnings": []})
            name, what = "/".join(parts[2:4]), parts[4]
            if what == "preupload":
                asked = json.loads(body)["files"]
                plain = {"uploadMode": "regular", "shouldIgnore": False, "oid": None}
                return self.answer(200, {"files": [{"path": one["path"], **plain} for one in asked]})
            assert what == "commit"
            sha = hub.commit(name, [json.loads(line) for line in body.splitlines()])
            url = f"https://huggingface.co/{name}/commit/{sha}"
            return self.answer(200, {"commitUrl": url, "commitOid": sha, "pullRequestUrl": None, "hookOutput": ""})

        def do_GET(self) -> None:
            parts = unquote(self.path.partition("?")[0]).strip("/").split("/")
            if parts[0] == "api":
                name = "/".join(parts[2:4])
                sha = hub.sha(name, parts[5] if len(parts) > 5 else "main")
                if sha is None:
                    return self.answer(404, b"", X_Error_Code="RepoNotFound")
                files = hub.repositories[name][sha]
                if len(parts) > 4 and parts[4] == "tree":
                    listed = [
                        {"type": "file", "path": path, "size": len(body), "oid": hashlib.sha1(body).hexdigest()}
                        for path, body in files.items()
                    ]
                    return self.answer(200, listed)
                siblings = [{"rfilename": path} for path in files]
                return self.answer(200, {"id": name, "sha": sha, "siblings": siblings, "private": False, "tags": []})
            name, revision, path = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
            sha = hub.sha(name, revision)
            body = None if sha is None else hub.repositories[name][sha].get(path)
            if body is None:
                return self.answer(404, b"", X_Error_Code="EntryNotFound")
            return self.answer(200, body, ETag=f'"{hashlib.sha1(body).hexdigest()}"', X_Repo_Commit=sha)

        do_HEAD = do_GET  # noqa: N815 (the name that the server calls)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
