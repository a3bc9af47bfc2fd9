from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request

from maskloom.faces.cli import main


def test_serve_prints_an_address_and_a_token_that_work(tmp_path):
    words = [sys.executable, "-m", "maskloom", "serve", "--root", str(tmp_path), "--port", "0"]
    run = subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    try:
        said = dict(run.stdout.readline().split(maxsplit=1) for _ in range(3))
        request = urllib.request.Request(
            said["address"].strip(), headers={"Authorization": f"Bearer {said['token'].strip()}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            names = [verb["name"] for verb in json.load(answer)["verbs"]]
        assert "convert" in names
        assert said["address"].startswith("http://127.0.0.1:")
    finally:
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=60)


def test_a_root_that_is_no_folder_is_refused(capsys, tmp_path):
    assert main(["serve", "--root", str(tmp_path / "absent")]) == 2
    assert "not a folder" in capsys.readouterr().err
