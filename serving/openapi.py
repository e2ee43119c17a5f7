"""The parts of the OpenAPI description that FastAPI cannot derive from types."""

from fastapi import Path
from fastapi.responses import FileResponse
from pydantic import BaseModel

VERSION_NUMBER = Path(pattern="^[0-9]+$", description="Version number")
DESCRIPTION = (
    "Exported models behind TensorFlow Serving's REST API. /v1/models/NAME/metadata "
    "names the inputs and outputs of each signature."
)
_ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
}
_MEANINGS = {
    400: "The path or the request is not valid",
    404: "No such model or version",
    408: "The request did not arrive in time",
    413: "The request is too large",
    503: "Too many requests are waiting",
    504: "The answer took too long",
}
ERRORS = {
    code: {
        "description": meaning,
        "content": {"application/json": {"schema": _ERROR}},
    }
    for code, meaning in _MEANINGS.items()
}


class ModelNames(BaseModel):
    """The answer to GET /v1/models.

    Attributes:
        models: Names of the served models.
        cells: Size in bytes of the answer to GET /v1/models/NAME/cell, by the name of
            each model that has one.
    """

    models: list[str]
    cells: dict[str, int]


CELL = {  # arguments of the routes
    "response_class": FileResponse,
    "responses": {
        200: {
            "description": "The content of cell.json of the version",
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
}
_VALUE = {"description": "A value; nested lists for a tensor; {'b64': '...'} for bytes"}
_SIGNATURE = {"type": "string", "default": "serving_default"}
PREDICT = {
    "requestBody": {
        "description": "JSON in UTF-8; with Content-Encoding: gzip, compressed",
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        {
                            "type": "object",
                            "properties": {
                                "signature_name": _SIGNATURE,
                                "instances": {
                                    "type": "array",
                                    "minItems": 1,
                                    "items": _VALUE,
                                    "description": "One entry per row: the value of "
                                    "the only input, or an object with a value for "
                                    "each input and nothing else",
                                },
                            },
                            "required": ["instances"],
                            "not": {"required": ["inputs"]},
                        },
                        {
                            "type": "object",
                            "properties": {
                                "signature_name": _SIGNATURE,
                                "inputs": {
                                    "description": "The tensor of the only input, or "
                                    "an object of tensors by input"
                                },
                            },
                            "required": ["inputs"],
                            "not": {"required": ["instances"]},
                        },
                    ]
                }
            }
        },
    },
    "responses": {
        "200": {
            "description": "predictions for instances, outputs for inputs",
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
}
