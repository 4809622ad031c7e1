"""The helpers on a real server, whose address is in `DAGLAB_DAGSTER_URL`; the working directory is
its project."""

import asyncio
import base64
import http.server
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
import warnings
from contextlib import aclosing
from pathlib import Path
from typing import ClassVar
from unittest import mock

from daglab.helpers import (
    AssetKey,
    AuthConfig,
    AuthenticationFailed,
    ConfigSchema,
    ConnectionFailed,
    DagsterClient,
    EntityFilters,
    RunFailed,
    RunStatus,
    SyncDagsterClient,
    UsageError,
    ValidationFailed,
    attach_metadata,
    attach_metadata_sync,
    diagnostics,
    discover,
    export_html_sync,
    run_inprocess,
    run_job,
    validate_config,
    validate_yaml_config,
)

SERVER = os.environ["DAGLAB_DAGSTER_URL"]
VALID = {"ops": {"count": {"config": {"name": "me", "rows": 2}}}}


def children():
    """The processes that this one has started and that have not been waited for."""
    mine = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if words[1] == str(os.getpid()):
            mine.append(stat.parent.name)
    return mine


class Gate(http.server.BaseHTTPRequestHandler):
    """Lets through to the server whoever has the token, or the password in an address."""

    protocol_version = "HTTP/1.1"
    BASIC = "Basic " + base64.b64encode(b"me:s3cret-t0ken").decode()
    # Whoever came with the password, and whether the server is gone after it was asked for a retry.
    seen: ClassVar[list[str]] = []
    ends_with_a_retry = False
    has_ended = False

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if Gate.has_ended:
            return self.say(404, b"gone")
        if self.headers.get("Authorization") == self.BASIC:
            self.seen.append(self.path)
        elif self.headers.get("X-Key") != "s3cret-t0ken":
            return self.say(401, b"no: " + str(self.headers.get("X-Key")).encode())
        request = urllib.request.Request(
            SERVER + self.path,
            data=body or None,
            headers={"Content-Type": self.headers.get("Content-Type", "application/json")},
            method=self.command,
        )
        try:
            with urllib.request.urlopen(request) as said:
                Gate.has_ended = self.ends_with_a_retry and b"launchRunReexecution" in body
                self.say(said.status, said.read())
        except urllib.error.HTTPError as error:
            self.say(error.code, error.read())

    def say(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class ServedTest(unittest.TestCase):
    def setUp(self):
        self.client = SyncDagsterClient()

    def tearDown(self):
        self.assertEqual(children(), [])

    def test_health_and_what_there_is(self):
        health = self.client.health()
        self.assertTrue(health.ok, health)
        self.assertEqual(health.url, SERVER)
        self.assertEqual([one.name for one in health.locations], ["main"])
        found = discover()
        self.assertEqual(found.job_names("main"), ["bad", "configured", "fetched", "good", "slow"])
        self.assertEqual([str(key) for key in found.asset_keys()], ["orders", "totals"])
        self.assertEqual((found.server_version, found.warnings), (health.version, ()))
        self.assertEqual(found.groups(), ["core"])
        narrow = discover(EntityFilters(kinds=["jobs"], patterns=["g*"]))
        self.assertEqual((narrow.job_names(), narrow.assets), (["good"], ()))
        self.assertEqual(self.client.select_assets('key:"totals"'), [AssetKey(("totals",))])
        with self.assertRaises(UsageError) as raised:
            self.client.select_assets("key:(")
        self.assertIn("^", str(raised.exception))

    def test_a_run_is_launched_followed_and_its_end_seen(self):
        events = []
        result = run_job("configured", VALID, tags={"team": "core"}, on_event=events.append)
        self.assertTrue(result.success, result)
        self.assertIs(result.raise_for_status(), result)
        self.assertEqual((events[0].type, events[-1].type), ("launched", "ended"))
        self.assertEqual(events[0].url, result.url)
        rows = [event.message for event in events if event.message.startswith("row ")]
        self.assertEqual(rows, ["row 0 of me", "row 1 of me"])
        info = self.client.get_run(result.run_id)
        self.assertEqual((info.status, info.tags["team"]), (RunStatus.SUCCESS, "core"))
        self.assertGreater(info.seconds, 0)
        self.assertEqual(self.client.get_run_url(result.run_id), info.url)
        with urllib.request.urlopen(info.url) as page:
            self.assertEqual(page.status, 200)

    def test_assets_are_materialized(self):
        result = run_job(None, asset_selection=["orders", AssetKey(("totals",))])
        self.assertTrue(result.success, result)
        self.assertEqual(sorted(result.assets), ["orders", "totals"])
        by_expression = self.client.submit_job(None, asset_selection='key:"orders"')
        self.assertEqual(by_expression.assets, ("orders",))
        self.assertTrue(self.client.wait(by_expression.run_id).is_success)

    def test_what_is_not_valid_is_not_launched(self):
        text = "ops:\n  count:\n    config: {rows: many, nmae: x}\n"
        for attempt in [
            lambda: self.client.submit_job("configured", run_config=text),
            lambda: self.client.submit_job("configured", run_config=text, validate=False),
        ]:
            with self.assertRaises(ValidationFailed) as raised:
                attempt()
            problems = raised.exception.details
            paths = {problem.path for problem in problems}
            self.assertIn(("ops", "count", "config", "rows"), paths)
        result = validate_config("configured", text)
        lines = {problem.path[-1]: problem.line for problem in result.problems}
        self.assertEqual((result.valid, lines["rows"]), (False, 3))
        meant = [problem.hint for problem in result.problems if problem.path[-1] == "nmae"]
        self.assertEqual(meant, ["did you mean `name`?"])
        self.assertTrue(validate_yaml_config(json.dumps(VALID), ConfigSchema("configured")))
        self.assertFalse(validate_yaml_config("a: [1"))
        self.assertFalse(validate_yaml_config("a: !!python/object:os.system x"))
        self.assertIn("rows: 5", self.client.config_skeleton("configured"))
        for attempt, hint in [
            (lambda: self.client.submit_job("godo"), "did you mean `good`?"),
            (lambda: self.client.submit_job("good", location="mian"), "did you mean `main`?"),
            (lambda: self.client.submit_job("good", partition="x"), None),
            (lambda: self.client.submit_job(None, asset_selection=["ordesr"]), "`orders`"),
        ]:
            with self.assertRaises(ValidationFailed) as raised:
                attempt()
            self.assertIn(hint or "", raised.exception.hint or "")
        with self.assertRaises(UsageError):
            self.client.submit_job(None)

    def test_a_run_that_fails_says_why_and_is_tried_again(self):
        result = run_job("bad")
        self.assertEqual(result.status, RunStatus.FAILURE)
        self.assertEqual(result.error, "ValueError: no such order")
        with self.assertRaises(RunFailed) as raised:
            result.raise_for_status()
        self.assertIn("look_up", str(raised.exception))
        info = self.client.get_run(result.run_id)
        self.assertEqual(info.error, "ValueError: no such order")
        again = self.client.retry_run(result.run_id)
        self.assertEqual(again.parent_run_id, result.run_id)
        self.assertEqual(self.client.wait(again.run_id).status, RunStatus.FAILURE)
        for attempt in [
            lambda: self.client.get_run("no-such-run"),
            lambda: list(self.client.follow("no-such-run")),
            lambda: self.client.cancel_run("no-such-run"),
            lambda: self.client.retry_run("no-such-run"),
        ]:
            with self.assertRaises(ValidationFailed) as raised:
                attempt()
            self.assertIn("does not exist", str(raised.exception))

    def test_a_run_is_cancelled_by_whoever_follows_it(self):
        async def follow():
            client = DagsterClient()
            submitted = await client.submit_job("slow")
            going_on = await client.get_concurrent_runs()
            self.assertIn(submitted.run_id, [run.run_id for run in going_on])
            # Whoever no longer waits leaves it to itself.
            left = await client.wait(submitted.run_id, timeout=0.2)
            self.assertFalse(left.is_finished)
            async with aclosing(client.follow(submitted.run_id)) as events:
                async for event in events:
                    if event.kind == "step_started":
                        self.assertTrue(await client.cancel_run(submitted.run_id))
            self.assertEqual(event.status, RunStatus.CANCELED)
            self.assertFalse(await client.cancel_run(submitted.run_id))
            self.assertEqual(await client.get_run_status(submitted.run_id), "CANCELED")
            # Many at once share one loop.
            await asyncio.gather(*(client.health() for _ in range(5)))

        asyncio.run(follow())

    def test_a_notebook_that_is_killed_leaves_no_process(self):
        run = self.client.submit_job("slow")
        program = (
            "import sys; from daglab.helpers import SyncDagsterClient as Client\n"
            "for event in Client().follow(sys.argv[1]): print(event.type, flush=True)"
        )
        notebook = subprocess.Popen(
            [sys.executable, "-c", program, run.run_id], stdout=subprocess.PIPE
        )
        self.assertEqual(notebook.stdout.readline(), b"launched\n")
        listed = Path(f"/proc/{notebook.pid}/task/{notebook.pid}/children").read_text().split()
        self.assertEqual(len(listed), 1)
        notebook.send_signal(signal.SIGKILL)
        notebook.wait()
        notebook.stdout.close()
        until = time.monotonic() + 20
        while Path(f"/proc/{listed[0]}").exists():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.02)
        self.assertTrue(self.client.cancel_run(run.run_id, force=True))

    def test_metadata_is_attached_or_its_code_is_given(self):
        metadata = {"page": "https://pages.example/x.html", "rows": 3}
        done = asyncio.run(attach_metadata("orders", metadata))
        self.assertEqual((done.attached, done.way), (True, "rest"))
        self.assertTrue(self.client.attach_metadata_mutation("asset://orders", metadata))
        with self.assertRaises(ValidationFailed) as raised:
            attach_metadata_sync("ordres", metadata)
        self.assertIn("`orders`", raised.exception.hint)
        with self.in_sandbox() as client:
            done = attach_metadata_sync("orders", metadata, client)
            self.assertEqual((done.attached, done.way), (False, "snippet"))
            self.assertIn('dg.MetadataValue.url("https://pages.example/x.html")', done.snippet)
            self.assertIn("security.allowed_operations", done.message)

    def in_sandbox(self):
        folder = tempfile.TemporaryDirectory()
        Path(folder.name, "daglab.yaml").write_text(
            "security: {sandbox_mode: true, allowed_operations: []}\n"
        )

        class Sandboxed:
            def __enter__(self):
                return SyncDagsterClient(project=folder.name)

            def __exit__(self, *_):
                folder.cleanup()

        return Sandboxed()

    def test_the_sandbox_is_for_notebooks_too(self):
        with self.in_sandbox() as client:
            self.assertTrue(client.health())
            self.assertTrue(client.validate_config("good"))
            for attempt in [
                lambda: client.submit_job("good"),
                lambda: client.cancel_run("x"),
                lambda: client.retry_run("x"),
            ]:
                with self.assertRaises(ValidationFailed) as raised:
                    attempt()
                self.assertIn("sandbox", str(raised.exception))

    def gate(self):
        """The address of a server that wants a token."""
        gate = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gate)
        threading.Thread(target=gate.serve_forever, daemon=True).start()
        self.addCleanup(gate.server_close)
        self.addCleanup(gate.shutdown)
        return f"127.0.0.1:{gate.server_address[1]}"

    def test_a_retry_is_told_of_even_if_the_server_says_no_more(self):
        failed = run_job("bad")
        client = SyncDagsterClient(url=f"http://me:s3cret-t0ken@{self.gate()}")
        with mock.patch.object(Gate, "ends_with_a_retry", True):
            again = client.retry_run(failed.run_id)
        self.assertTrue(Gate.has_ended)
        Gate.has_ended = False
        self.assertEqual(again.parent_run_id, failed.run_id)
        self.assertTrue(again.url.endswith(f"/runs/{again.run_id}"))
        self.assertEqual(self.client.wait(again.run_id).status, RunStatus.FAILURE)

    def test_an_export_signs_in_with_the_password_of_the_address(self):
        Path("nb.py").write_text(
            "import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _():\n"
            "    import dagster\n\n    print(dagster.__name__)\n    return\n"
        )
        client = SyncDagsterClient(url=f"http://me:s3cret-t0ken@{self.gate()}")
        Gate.seen.clear()
        self.assertTrue(export_html_sync("nb.py", client=client).is_file())
        self.assertTrue(Gate.seen)

    def test_a_token_opens_the_gate_and_is_never_shown(self):
        url = f"http://{self.gate()}"
        right = AuthConfig(type="custom", token="s3cret-t0ken", header_name="X-Key")
        self.assertTrue(SyncDagsterClient(url=url, auth=right).health())
        wrong = AuthConfig(type="custom", token="wr0ng-t0ken", header_name="X-Key")
        for auth in [wrong, None]:
            client = SyncDagsterClient(url=url, auth=auth)
            with self.assertRaises(AuthenticationFailed) as raised:
                client.discover_entities()
            self.assertNotIn("wr0ng", str(raised.exception))
            self.assertIsInstance(client.health().error, AuthenticationFailed)
        self.assertNotIn("t0ken", json.dumps(diagnostics()))

    def test_a_server_that_is_away_is_said_to_be(self):
        client = SyncDagsterClient("127.0.0.1", 1)
        health = client.health()
        self.assertFalse(health)
        self.assertIsInstance(health.error, ConnectionFailed)
        for attempt in [
            client.discover_entities,
            lambda: client.submit_job("good"),
            lambda: list(client.follow("some-run")),
            lambda: attach_metadata_sync("orders", {}, client),
        ]:
            with self.assertRaises(ConnectionFailed) as raised:
                attempt()
            self.assertIn("could not reach Dagster", str(raised.exception))
        self.assertEqual(diagnostics()["last_errors"][-1]["type"], "ConnectionFailed")


class InProcessTest(unittest.TestCase):
    def test_jobs_and_assets_are_executed_here(self):
        good = run_inprocess("good", definitions="defs.py")
        self.assertEqual((good.success, dict(good.outputs)), (True, {"fine": 7}))
        self.assertFalse(good.recorded)
        self.assertGreaterEqual(good.memory_peak, good.memory_before)
        both = run_inprocess(["orders", "totals"], definitions="defs")
        self.assertEqual(dict(both.outputs), {"orders": 3, "totals": 6})
        self.assertEqual(sorted(both.assets), ["orders", "totals"])
        bad = run_inprocess("bad", definitions="defs.py")
        self.assertEqual((bad.success, bad.step, bad.cause), (False, "look_up", "ValueError"))
        self.assertEqual(bad.error, "ValueError: no such order")
        self.assertIn("defs.py", bad.traceback)
        yaml = "ops: {count: {config: {name: me}}}"
        self.assertTrue(run_inprocess("configured", definitions="defs.py", run_config=yaml).success)

    def test_async_ops_run_where_a_loop_runs(self):
        """As in a cell: marimo runs an event loop there, and so does Dagster, for `async def`."""

        async def cell():
            before = asyncio.current_task()
            done = run_inprocess("fetched", definitions="defs.py")
            self.assertEqual((done.error, dict(done.outputs)), (None, {"fetch": 5}))
            self.assertIs(asyncio.current_task(), before)
            await asyncio.sleep(0)

        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            asyncio.run(cell())
        self.assertTrue(run_inprocess("fetched", definitions="defs.py").success)

    def test_an_input_that_nobody_makes_here_says_what_to_do(self):
        alone = run_inprocess("totals", definitions="defs.py")
        self.assertEqual((alone.success, alone.step), (False, "totals"))
        self.assertIn("also run what makes the input `orders`", alone.hint)
        self.assertIsNone(run_inprocess("bad", definitions="defs.py").hint)

    def test_what_is_interrupted_was_stopped(self):
        timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        stopped = run_inprocess("slow", definitions="defs.py")
        self.assertEqual((stopped.success, stopped.stopped), (False, True))
        self.assertLess(stopped.seconds, 60)
        self.assertFalse(run_inprocess("bad", definitions="defs.py").stopped)

    def test_half_a_module_is_not_left(self):
        Path("half.py").write_text("x = 1\nraise ValueError('no')\n")
        with self.assertRaises(ValidationFailed):
            run_inprocess("good", definitions="half.py")
        self.assertNotIn("half", sys.modules)

    def test_what_can_not_be_executed_says_why(self):
        for target, given, said in [
            ("godo", {"definitions": "defs.py"}, "did you mean `good`?"),
            ("good", {"definitions": "nowhere.py"}, "there is no file"),
            ("good", {"definitions": "defs.py", "run_config": "a: ["}, "while parsing"),
            ("configured", {"definitions": "defs.py", "run_config": {}}, "run config is not valid"),
        ]:
            with self.assertRaises(ValidationFailed) as raised:
                run_inprocess(target, **given)
            self.assertIn(said, str(raised.exception))
        for target in ["good", 3]:
            with self.assertRaises(UsageError):
                run_inprocess(target)
        # A notebook is often opened in a folder of its own.
        Path(".daglab").mkdir(exist_ok=True)
        Path("notebooks").mkdir(exist_ok=True)
        before = os.getcwd()
        os.chdir("notebooks")
        self.addCleanup(os.chdir, before)
        self.assertTrue(run_inprocess("good", definitions="defs.py").success)
        self.assertTrue(run_inprocess("good", definitions="defs").success)
        import defs

        self.assertEqual(dict(run_inprocess(defs.orders).outputs), {"orders": 3})
        self.assertEqual(dict(run_inprocess(defs.good).outputs), {"fine": 7})


if __name__ == "__main__":
    unittest.main()
