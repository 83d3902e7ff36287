"""A SageMaker job's log, copied into its run folder; each line once, even if watchers are
killed."""

from __future__ import annotations

import os
import re
from pathlib import Path

from core.aws import connection
from core.aws import errors as aws_errors
from core.aws.documents import Json
from core.errors import BackendError
from core.io import files
from core.jobs.run_folder import RunFolder

TRAINING = "/aws/sagemaker/TrainingJobs"
STATE = "streams.json"
PAGES = 10
# New streams, of another host or after a spot interruption, are looked for every so many turns.
LOOK_FOR_STREAMS = 5
_HOST = re.compile(r"/(algo-\d+)")


class LogTail:
    """Reads every stream of one job.

    Its position in each stream is stored together with the size of the log.
    """

    def __init__(self, folder: RunFolder, name: str, region: str, group: str = TRAINING) -> None:
        self.folder, self.name, self.group = folder, name, group
        self.client = connection.client("logs", region=region)
        self._turn = 0
        self._tokens: dict[str, str] = {}
        self._restore()

    @property
    def found(self) -> bool:
        """Whether the job has logged anything yet."""
        return bool(self._tokens)

    def read(self) -> bool:
        """Append new lines to the log; return whether there were any.

        Raises BackendError if AWS does not respond.
        """
        self._turn += 1
        if not self._tokens or self._turn % LOOK_FOR_STREAMS == 0:
            self._find_streams()
        news = [self._read_stream(stream) for stream in sorted(self._tokens)]
        return any(news)

    def _find_streams(self) -> None:
        try:
            with connection.translate_errors("finding the log"):
                pages = self.client.get_paginator("describe_log_streams").paginate(
                    logGroupName=self.group, logStreamNamePrefix=f"{self.name}/"
                )
                names = [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
        except BackendError as error:
            if aws_errors.is_missing(error):
                return  # The log group is created with the first line.
            raise
        for name in names:
            self._tokens.setdefault(name, "")

    def _read_stream(self, stream: str) -> bool:
        news = False
        for _ in range(PAGES):
            token = self._tokens[stream]
            given: Json = {"nextToken": token} if token else {}
            try:
                with connection.translate_errors("reading the log"):
                    page = self.client.get_log_events(
                        logGroupName=self.group, logStreamName=stream, startFromHead=True, **given
                    )
            except BackendError as error:
                if aws_errors.is_missing(error):
                    return news
                raise
            # At the end of a stream the token stays the same.
            if page["nextForwardToken"] == token and not page["events"]:
                return news
            self._append(
                stream, [event["message"] for event in page["events"]], page["nextForwardToken"]
            )
            news = news or bool(page["events"])
            if not page["events"]:
                return news
        return news

    def _append(self, stream: str, messages: list[str], token: str) -> None:
        host = _HOST.search(stream)
        # Lines of other hosts are marked, so that no metric is counted twice.
        mark = ""
        if host and host[1] != "algo-1":
            mark = f"[{host[1]}] "
        with self.folder.log.open("ab") as log:
            # The toolkit adds empty lines.
            if lines := [f"{mark}{message.rstrip()}\n" for message in messages if message.strip()]:
                log.write("".join(lines).encode())
                log.flush()
                os.fsync(log.fileno())
            size = log.tell()
        self._tokens[stream] = token
        files.write_json(self._state, {"size": size, "tokens": self._tokens})

    @property
    def _state(self) -> Path:
        return self.folder.path / STATE

    def _restore(self) -> None:
        """Continue at the last stored position; later lines in the log are read again."""
        try:
            state = files.read_json(self._state)
            size, tokens = int(state["size"]), dict(state["tokens"])
        except (OSError, ValueError, KeyError, TypeError):
            return
        self._tokens = tokens
        if self.folder.log.exists() and self.folder.log.stat().st_size > size:
            os.truncate(self.folder.log, size)
