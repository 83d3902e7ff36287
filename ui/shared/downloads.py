"""Downloads of large files: streamed from disk by their own routes, resumable, and independent of
the page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from core.batch import results
from core.errors import FieldmarkError
from core.jobs import store as jobs
from core.models import store as models

ABOUT_CSV = """The CSV for spreadsheets puts an apostrophe before text that would run as a formula;
the CSV for programs has the exact text."""


def link(label: str, job_id: str, name: str, *, key: str) -> None:
    """Draw a button that downloads the file `name` of a job, one of ROUTES."""
    with st.container(key=key, width="content"):
        st.link_button(label, f"downloads/{job_id}/{name}", icon=":material/download:")


async def _answer(make: Callable[[str], Response], job_id: str) -> Response:
    """Return the response of `make` for the job. An error is a plain sentence, because a person
    reads it in a new tab."""
    try:
        return await asyncio.to_thread(make, job_id)
    except FieldmarkError as error:
        return PlainTextResponse(str(error), status_code=404)


async def artifact(request: Request) -> Response:
    return await _answer(_artifact, request.path_params["job_id"])


async def table(request: Request) -> Response:
    exact = "exact" in request.query_params
    return await _answer(lambda job_id: _table(job_id, exact), request.path_params["job_id"])


async def parquet(request: Request) -> Response:
    return await _answer(_parquet, request.path_params["job_id"])


def _artifact(job_id: str) -> Response:
    return _file(models.archive(models.read(job_id)), f"{job_id}.tar.gz", "application/gzip")


def _table(job_id: str, exact: bool) -> Response:
    parts = results.to_csv(jobs.read(job_id).folder, exact=exact)
    headers = {"Content-Disposition": f'attachment; filename="{job_id}.csv"'}
    return StreamingResponse(parts, media_type="text/csv", headers=headers)


def _parquet(job_id: str) -> Response:
    return _file(
        results.results_file(jobs.read(job_id).folder),
        f"{job_id}.parquet",
        "application/vnd.apache.parquet",
    )


def _file(path: Path, name: str, media_type: str) -> Response:
    if not path.is_file():
        return PlainTextResponse(
            f"{name} does not exist. It may have been deleted.", status_code=404
        )
    return FileResponse(path, media_type=media_type, filename=name)


ROUTES = [
    Route("/downloads/{job_id}/model.tar.gz", artifact),
    Route("/downloads/{job_id}/results.csv", table),
    Route("/downloads/{job_id}/results.parquet", parquet),
]
