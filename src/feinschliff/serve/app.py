"""The routes: which path answers what.

`POST /` and `/models/NAME` speak the JSON of Hugging Face inference, `/v2` the Open Inference Protocol,
`/predict` and `/models/NAME/predict` give everything a `Prediction` holds. All of them decide by the model's
rules.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from feinschliff import __version__
from feinschliff.bundle import Prediction
from feinschliff.serve import hugging_face, open_inference, pages, schemas
from feinschliff.serve.engine import can_explain
from feinschliff.serve.guard import OPEN, Guard
from feinschliff.serve.query import Query, Refusal, query, read_json
from feinschliff.serve.service import Service
from feinschliff.serve.sharing import SharedEngine
from feinschliff.serve.shelf import Served

EXPLAINED_CHARACTERS = 4000
"""Most characters of a text that is explained."""
DRIFT_SECONDS = 60.0
"""Between two comparisons with the training data."""


def create_app(service: Service) -> FastAPI:
    """Return the ASGI application of a service."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.batcher.start()
        watchers = [asyncio.create_task(service.keep(service.watch_drift, DRIFT_SECONDS))]
        if service.reload_seconds:
            watchers.append(asyncio.create_task(service.keep(service.watch, service.reload_seconds)))
        yield
        for watcher in watchers:
            watcher.cancel()
        await asyncio.to_thread(service.batcher.stop)

    app = FastAPI(
        title="Feinschliff",
        version=__version__,
        description=__doc__,
        lifespan=lifespan,
        docs_url=None,
        redirect_slashes=False,
        redoc_url=None,
    )
    app.add_middleware(
        Guard,
        limits=service.limits,
        metrics=service.metrics,
        key=service.key,
        hosts=service.hosts,
        stopping=lambda: service.stopping,
    )
    app.add_exception_handler(HTTPException, _http_error)
    _about(app, service)
    _predicting(app, service)
    _open_inference(app, service)
    _without_bodies(app)
    return app


def _predicting(app: FastAPI, service: Service) -> None:
    async def ask(request: Request, name: str | None) -> tuple[Served, Query]:
        served = service.shelf.get(name)
        tree = read_json(await _json_body(request))
        if "inputs" not in tree:
            raise Refusal(422, 'the body lacks "inputs"')
        pairs = served.model.spec.reading.pairs
        return served, query(tree["inputs"], tree.get("parameters"), pairs=pairs, limits=service.limits)

    async def hub(request: Request, name: str | None = None) -> Response:
        served, asked = await ask(request, name)
        hugging_face.check(served.model.kind, asked.parameters)
        found = await service.predict(request, served, asked)
        return _json(hugging_face.answer(served.model.kind, asked, found))

    async def full(request: Request, name: str | None = None) -> Response:
        served, asked = await ask(request, name)
        if asked.parameters:
            raise Refusal(422, "predict knows no parameters")
        found = await service.predict(request, served, asked)
        rows = [everything(prediction) for prediction in found]
        return _json(rows[0] if asked.single else rows)

    @app.post("/models/{name}/explain", tags=["Feinschliff"], **schemas.EXPLAIN)
    async def explain(request: Request, name: str) -> Response:
        """Ask which words speak for what a model says about one text."""
        served, asked = await ask(request, name)
        if not asked.single:
            raise Refusal(422, "one text at a time can be explained")
        longest = len(asked.texts[0]) + len(asked.pairs[0] if asked.pairs else "")
        if longest > EXPLAINED_CHARACTERS:
            raise Refusal(413, f"texts of up to {EXPLAINED_CHARACTERS:,} characters can be explained")
        (found,) = await service.explain(request, served, asked)
        return _json([dataclasses.asdict(explanation) for explanation in found])

    @app.post("/", tags=["Hugging Face"], **schemas.HUGGING_FACE)
    async def infer(request: Request) -> Response:
        """Ask the first model, as `huggingface_hub.InferenceClient` does."""
        return await hub(request)

    @app.post("/models/{name}", tags=["Hugging Face"], **schemas.HUGGING_FACE)
    async def infer_by_name(request: Request, name: str) -> Response:
        """Ask a model by its name, as `huggingface_hub.InferenceClient` does."""
        return await hub(request, name)

    @app.post("/predict", tags=["Feinschliff"], **schemas.PREDICT)
    async def predict(request: Request) -> Response:
        """Ask the first model for everything it says about texts."""
        return await full(request)

    @app.post("/models/{name}/predict", tags=["Feinschliff"], **schemas.PREDICT)
    async def predict_by_name(request: Request, name: str) -> Response:
        """Ask a model by its name for everything it says about texts."""
        return await full(request, name)


def _about(app: FastAPI, service: Service) -> None:
    @app.get("/health", tags=["State"])
    async def health() -> Response:
        """Tell whether the server works: 200, or 503 once its computing thread has died."""
        return _json({"alive": service.batcher.alive}, 200 if service.batcher.alive else 503)

    @app.get("/ready", tags=["State"])
    async def ready() -> Response:
        """Tell whether requests are welcome: 200, or 503 while the server stops."""
        return _json({"ready": not service.stopping}, 503 if service.stopping else 200)

    @app.get("/metrics", tags=["State"])
    async def metrics() -> Response:
        """Give numbers to Prometheus."""
        return Response(service.metrics.page(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/models", tags=["Feinschliff"])
    async def models() -> Response:
        """List the models, the default one first."""
        return _json([about(served) for served in service.shelf.all])

    @app.get("/models/{name}", tags=["Feinschliff"])
    async def model(name: str) -> Response:
        """Describe a model."""
        return _json(about(service.shelf.get(name)))

    @app.get("/models/{name}/drift", tags=["Feinschliff"])
    async def model_drift(name: str) -> Response:
        """Compare the texts since the model was loaded with those it was trained on.

        The answer is `too few` until there are enough different ones.
        """
        found = await service.drift(service.shelf.get(name))
        if found is None:
            raise Refusal(404, "what this model was trained on is not known")
        return _json(found)

    @app.get("/models/{name}/report", tags=["Feinschliff"], response_class=HTMLResponse)
    async def report(name: str) -> Response:
        """Show the report of the run that made a model."""
        path = service.shelf.get(name).report
        if path is None:
            raise Refusal(404, "no report lies beside this model")
        return HTMLResponse(await asyncio.to_thread(path.read_text, encoding="utf-8"))

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        """Show the page to try the models."""
        text, policy = pages.page()
        return HTMLResponse(text, headers={"content-security-policy": policy})

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        """Show what `/openapi.json` holds; nothing comes from the network."""
        return HTMLResponse(pages.docs(app.openapi()))


def _open_inference(app: FastAPI, service: Service) -> None:
    tags: list[Any] = ["Open Inference Protocol"]

    def get(name: str, version: str | None = None) -> Served:
        served = service.shelf.get(name)
        if version is not None and version != str(served.version):
            raise Refusal(404, f"version {served.version} is the one that is served")
        return served

    async def infer(request: Request, served: Served) -> Response:
        tree = read_json(await _json_body(request))
        asked, wanted = open_inference.read(tree, served, service.limits)
        found = await service.predict(request, served, asked)
        return _json(open_inference.answer(tree, served, wanted, found))

    @app.get("/v2", tags=tags)
    async def v2_server() -> Response:
        """Describe the server."""
        return _json({"name": "feinschliff", "version": __version__, "extensions": []})

    @app.get("/v2/health/live", tags=tags)
    async def v2_live() -> Response:
        """Tell whether the server works."""
        return _json({"live": service.batcher.alive}, 200 if service.batcher.alive else 503)

    @app.get("/v2/health/ready", tags=tags)
    async def v2_ready() -> Response:
        """Tell whether requests are welcome."""
        return _json({"ready": not service.stopping}, 503 if service.stopping else 200)

    @app.get("/v2/models/{name}", tags=tags)
    async def v2_model(name: str) -> Response:
        """Describe a model."""
        return _json(open_inference.metadata(get(name)))

    @app.get("/v2/models/{name}/versions/{version}", tags=tags)
    async def v2_version(name: str, version: str) -> Response:
        """Describe a version of a model."""
        return _json(open_inference.metadata(get(name, version)))

    @app.get("/v2/models/{name}/ready", tags=tags)
    async def v2_model_ready(name: str) -> Response:
        """Tell whether a model can be asked."""
        return _json({"name": get(name).name, "ready": True})

    @app.get("/v2/models/{name}/versions/{version}/ready", tags=tags)
    async def v2_version_ready(name: str, version: str) -> Response:
        """Tell whether a version of a model can be asked."""
        return _json({"name": get(name, version).name, "ready": True})

    @app.post("/v2/models/{name}/infer", tags=tags, **schemas.OPEN_INFERENCE)
    async def v2_infer(request: Request, name: str) -> Response:
        """Ask a model."""
        return await infer(request, get(name))

    @app.post("/v2/models/{name}/versions/{version}/infer", tags=tags, **schemas.OPEN_INFERENCE)
    async def v2_version_infer(request: Request, name: str, version: str) -> Response:
        """Ask a version of a model."""
        return await infer(request, get(name, version))


def _without_bodies(app: FastAPI) -> None:
    """Answer HEAD like GET where no key is asked for: what watches over servers often asks so."""
    for route in list(app.routes):
        if isinstance(route, APIRoute) and route.path in OPEN and "GET" in (route.methods or ()):
            app.add_api_route(route.path, route.endpoint, methods=["HEAD"], include_in_schema=False)


def about(served: Served) -> dict[str, Any]:
    """Return what `GET /models/NAME` answers."""
    spec = served.model.spec
    return {
        "name": served.name,
        "task": spec.task,
        "kind": served.model.kind,
        "labels": list(spec.labels),
        "pairs": spec.reading.pairs,
        "version": served.version,
        "platform": served.platform,
        "base_model": os.path.basename(spec.base_model.rstrip("/")),  # noqa: PTH119  (a folder of the builder's)
        "fingerprint": spec.fingerprint,
        "abstains": bool({"least", "unsure_cost"} & set(spec.decision)),
        "shares_base": isinstance(served.engine, SharedEngine),
        "explains": can_explain(served.model),
        "report": served.report is not None,
    }


def everything(prediction: Prediction) -> dict[str, Any]:
    """Return a prediction as JSON, without what its task does not have."""
    found = dataclasses.asdict(prediction)
    if prediction.spans is not None:
        return {"spans": found["spans"]}
    return {name: value for name, value in found.items() if value is not None or name == "label"}


async def _json_body(request: Request) -> bytes:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, "the body must be application/json")
    return await request.body()


def _json(value: Any, status: int = 200) -> Response:
    body = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(body.encode("utf-8", "backslashreplace"), status, media_type="application/json")


async def _http_error(request: Request, error: Any) -> Response:
    reasons = {404: "there is nothing at this path", 405: "this path does not know this method"}
    response = _json({"error": reasons.get(error.status_code, str(error.detail))}, error.status_code)
    response.headers.update(error.headers or {})
    return response
