"""A server that reads each request and answers an empty object: the least a call costs.

python -m experiments.benchmarks.empty_server --port 8502
"""

import argparse

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response


def create_app():
    """Returns an application with the route of a prediction, and no model."""
    app = FastAPI()

    @app.post("/v1/models/{name}:predict")
    async def predict(request: Request, name: str):
        await request.body()
        return Response(b"{}", media_type="application/json")

    return app


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.benchmarks.empty_server", description=__doc__
    )
    parser.add_argument("--port", type=int, required=True, help="port")
    options = parser.parse_args(arguments)
    uvicorn.run(create_app(), port=options.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
