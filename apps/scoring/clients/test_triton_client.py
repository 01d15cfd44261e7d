"""Calls the scoring service with NVIDIA's client as if it were Triton, without changes to the calls."""

import os
import queue
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
from conftest import Golden, Transport
from tritonclient.utils import InferenceServerException

CLOSE = 1e-5
UNKNOWN_VERSION = "000000000000"
WAIT_S_MAX = 30


def assert_golden(result: object, golden: Golden) -> None:
    scores = result.as_numpy("probability")
    assert scores.dtype == np.float32
    assert scores.shape == golden.outputs.shape
    assert np.abs(scores - golden.outputs).max() < CLOSE


def test_the_example_of_the_readme_runs_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """regression #24: the example specified fewer features than the model had."""
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert '"localhost:7404"' in example
    exec(example.replace("localhost:7404", os.environ["GRPC_ADDRESS"]), {})
    assert re.fullmatch(r"\[\[0\.\d+\]\n \[0\.\d+\]\]\n", capsys.readouterr().out)


def test_server_is_live_and_ready(transport: Transport) -> None:
    assert transport.client.is_server_live()
    assert transport.client.is_server_ready()


def test_models_are_ready_by_name_and_version(transport: Transport, golden: dict[str, Golden]) -> None:
    ready = transport.client.is_model_ready
    assert ready("fraud")
    assert ready("amounts")
    assert ready("fraud", golden["fraud@champion"].version)
    assert ready("fraud", golden["fraud@challenger"].version)
    assert not ready("fraud", UNKNOWN_VERSION)
    assert not ready("unknown")
    assert not ready("broken")


def test_metadata(transport: Transport, golden: dict[str, Golden]) -> None:
    server = transport.client.get_server_metadata(**transport.as_json)
    assert server["name"] == "tripline-scoring"
    assert {"model_repository", "statistics", "binary_tensor_data"} <= set(server["extensions"])
    model = transport.client.get_model_metadata("fraud", **transport.as_json)
    assert model["name"] == "fraud"
    assert model["versions"] == [golden["fraud@champion"].version, golden["fraud@challenger"].version]
    (tensor,) = model["inputs"]
    assert tensor["name"] == "features"
    assert tensor["datatype"] == "FP32"
    # The client formats 64-bit numbers from gRPC as text.
    assert [int(size) for size in tensor["shape"]] == [-1, 4]
    version = golden["fraud@challenger"].version
    assert transport.client.get_model_metadata("fraud", version, **transport.as_json)["versions"] == [version]


def test_configuration(transport: Transport) -> None:
    config = transport.client.get_model_config("amounts", **transport.as_json)
    config = config.get("config", config)
    assert config["name"] == "amounts"
    assert config["backend"] == "onnxruntime"
    assert config["max_batch_size"] == 64
    assert config["input"][0]["data_type"] == "TYPE_FP32"
    assert [int(size) for size in config["input"][0]["dims"]] == [4]
    assert config["instance_group"][0]["kind"] == "KIND_CPU"
    assert config["instance_group"][0]["count"] == 2


@pytest.mark.parametrize("reference", ["fraud@champion", "fraud@challenger", "amounts@champion"])
def test_infer_by_version(transport: Transport, golden: dict[str, Golden], reference: str) -> None:
    own = golden[reference]
    tensors = transport.tensors(own.inputs)
    name = reference.split("@", maxsplit=1)[0]
    result = transport.client.infer(name, tensors, model_version=own.version, request_id="request 1")
    response = result.get_response(as_json=True) if transport.name == "grpc" else result.get_response()
    assert response["model_name"] == name
    assert response["model_version"] == own.version
    assert response["id"] == "request 1"
    assert_golden(result, own)


def test_infer_without_a_version_is_the_first_one_named(transport: Transport, golden: dict[str, Golden]) -> None:
    own = golden["fraud@champion"]
    assert_golden(transport.client.infer("fraud", transport.tensors(own.inputs)), own)


def test_infer_by_alias(transport: Transport, golden: dict[str, Golden]) -> None:
    own = golden["fraud@challenger"]
    assert_golden(transport.client.infer("fraud", transport.tensors(own.inputs), model_version="challenger"), own)


def test_infer_asks_for_outputs_and_how_the_answer_came_about(transport: Transport, golden: dict[str, Golden]) -> None:
    own = golden["fraud@champion"]
    outputs = [transport.module.InferRequestedOutput("probability")]
    result = transport.client.infer(
        "fraud",
        transport.tensors(own.inputs),
        outputs=outputs,
        timeout=WAIT_S_MAX * 1_000_000,
        parameters={"telemetry": True, "of_another_server": "x"},
    )
    assert_golden(result, own)
    if transport.name == "grpc":
        parameters = result.get_response().parameters
        assert parameters["run_rows"].int64_param == len(own.inputs)
        assert parameters["execution_providers"].string_param == "trees"
        assert parameters["queue_us"].WhichOneof("parameter_choice") == "int64_param"
    else:
        parameters = result.get_response()["parameters"]
        assert parameters["run_rows"] == len(own.inputs)
        assert parameters["execution_providers"] == "trees"
        assert {"queue_us", "inference_us", "run_requests"} <= set(parameters)


@pytest.mark.parametrize("is_binary_input", [True, False])
@pytest.mark.parametrize("is_binary_output", [True, False])
@pytest.mark.parametrize("coding", [None, "gzip", "deflate"])
@pytest.mark.parametrize("transport", ["http"], indirect=True)
def test_infer_over_http_in_binary_and_in_json(
    transport: Transport, golden: dict[str, Golden], is_binary_input: bool, is_binary_output: bool, coding: str | None
) -> None:
    # Enough rows for a JSON response that is long enough to be compressed.
    own = golden["fraud@champion"]
    rows = np.concatenate([own.inputs, own.inputs])
    result = transport.client.infer(
        "fraud",
        transport.tensors(rows, binary_data=is_binary_input),
        outputs=[transport.module.InferRequestedOutput("probability", binary_data=is_binary_output)],
        request_compression_algorithm=coding,
        response_compression_algorithm=coding,
    )
    outputs = np.concatenate([own.outputs, own.outputs])
    assert_golden(result, Golden(own.version, rows, outputs))
    assert ("data" in result.get_output("probability")) is not is_binary_output


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("transport", ["grpc"], indirect=True)
def test_infer_over_compressed_grpc(transport: Transport, golden: dict[str, Golden], coding: str) -> None:
    own = golden["fraud@champion"]
    tensors = transport.tensors(own.inputs)
    assert_golden(transport.client.infer("fraud", tensors, compression_algorithm=coding), own)


def test_async_infer(transport: Transport, golden: dict[str, Golden]) -> None:
    own = golden["fraud@champion"]
    if transport.name == "http":
        pending = [transport.client.async_infer("fraud", transport.tensors(own.inputs)) for _ in range(8)]
        for request in pending:
            assert_golden(request.get_result(), own)
        return
    answers: queue.Queue = queue.Queue()
    for _ in range(8):
        transport.client.async_infer("fraud", transport.tensors(own.inputs), partial(put, answers))
    for _ in range(8):
        result, error = answers.get(timeout=WAIT_S_MAX)
        assert error is None
        assert_golden(result, own)


def put(answers: queue.Queue, result: object, error: object) -> None:
    answers.put((result, error))


def test_stream(golden: dict[str, Golden]) -> None:
    own = golden["amounts@champion"]
    answers: queue.Queue = queue.Queue()
    with triton_grpc.InferenceServerClient(os.environ["GRPC_ADDRESS"]) as client:
        client.start_stream(partial(put, answers))
        for index in range(600):
            row = own.inputs[index % len(own.inputs)].reshape(1, -1)
            tensor = triton_grpc.InferInput("features", list(row.shape), "FP32").set_data_from_numpy(row)
            is_asked = index % 2 == 0
            client.async_stream_infer(
                "amounts", [tensor], request_id=str(index), enable_empty_final_response=is_asked
            )
        wrong = triton_grpc.InferInput("other", [1, 4], "FP32").set_data_from_numpy(own.inputs[:1])
        client.async_stream_infer("amounts", [wrong])
        seen = [answers.get(timeout=WAIT_S_MAX) for _ in range(601)]
        client.stop_stream()
    results = {result.get_response().id: result.as_numpy("probability") for result, error in seen if error is None}
    # Each request has one response, which is therefore the last. On a stream, Triton marks it even if not requested.
    finals = [result.get_response().parameters["triton_final_response"] for result, error in seen if error is None]
    assert len(finals) == 600
    assert all(final.bool_param for final in finals)
    (failed,) = [error for _, error in seen if error is not None]
    assert 'There is no input "other"' in failed.message()
    for index in range(600):
        expected = own.outputs[index % len(own.outputs)]
        assert np.abs(results[str(index)] - expected).max() < CLOSE


def test_statistics(transport: Transport, golden: dict[str, Golden]) -> None:
    own = golden["fraud@challenger"]
    version = own.version

    def statistics() -> dict:
        (found,) = transport.client.get_inference_statistics("fraud", version, **transport.as_json)["model_stats"]
        return found

    before = statistics()
    transport.client.infer("fraud", transport.tensors(own.inputs), model_version=version)
    after = statistics()
    assert after["name"] == "fraud"
    assert after["version"] == version
    assert int(after["inference_count"]) - int(before.get("inference_count", 0)) == len(own.inputs)
    assert int(after["execution_count"]) - int(before.get("execution_count", 0)) == 1
    assert int(after["inference_stats"]["success"]["ns"]) >= int(after["inference_stats"]["compute_infer"]["ns"]) > 0
    everything = transport.client.get_inference_statistics(**transport.as_json)["model_stats"]
    assert {"fraud", "amounts"} <= {one["name"] for one in everything}


def test_repository(transport: Transport, golden: dict[str, Golden]) -> None:
    client = transport.client

    def index() -> dict[str, dict]:
        answer = client.get_model_repository_index(**transport.as_json)
        models = answer["models"] if transport.name == "grpc" else answer
        return {f"{model['name']} {model.get('version', '')}".strip(): model for model in models}

    ready = f"fraud {golden['fraud@champion'].version}"
    assert index()[ready]["state"] == "READY"
    assert index()["broken"]["state"] == "UNAVAILABLE"
    assert "golden batch" in index()["broken"]["reason"]
    assert index()["unnamed"].get("state", "") == ""

    own = golden["amounts@champion"]
    client.unload_model("amounts")
    assert not client.is_model_ready("amounts")
    assert client.is_server_ready()
    assert index()["amounts"]["state"] == "UNAVAILABLE"
    assert index()["amounts"]["reason"] == "unloaded"
    with pytest.raises(InferenceServerException, match="Model amounts is not loaded: unloaded"):
        client.infer("amounts", transport.tensors(own.inputs))
    client.load_model("amounts")
    assert client.is_model_ready("amounts")
    assert_golden(client.infer("amounts", transport.tensors(own.inputs)), own)

    with pytest.raises(InferenceServerException, match="golden batch"):
        client.load_model("broken")
    with pytest.raises(InferenceServerException, match="There is no model unknown"):
        client.load_model("unknown")
    with pytest.raises(InferenceServerException, match='There is no model "unknown" here'):
        client.unload_model("unknown")
    with pytest.raises(InferenceServerException, match='The parameter "config" is not supported'):
        client.load_model("amounts", config="{}")


STATUS = {"grpc": "StatusCode.INVALID_ARGUMENT", "http": "400"}
NOT_FOUND = {"grpc": "StatusCode.NOT_FOUND", "http": "404"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda rows: rows[:, :3], r'Input "features" has shape \[32,3\]; it must be \[rows,4\]'),
        (lambda rows: np.hstack([rows, rows[:, :1]]), r'Input "features" has shape \[32,5\]'),
        (lambda rows: rows[0], r'Input "features" has shape \[4\]'),
        (lambda rows: np.where(rows == rows[3, 2], np.float32("nan"), rows), r'Input "features" has the value NaN in row 3, '),
        (lambda rows: rows.astype(np.float64), r'Input "features" has datatype "FP64"; it must be FP32'),
        (lambda rows: np.tile(rows, (3, 1)), r'Input "features" has 96 rows; a request can have at most 64'),
    ],
)
def test_bad_input_is_refused(transport: Transport, golden: dict[str, Golden], change: object, sentence: str) -> None:
    own = golden["fraud@champion"]
    with pytest.raises(InferenceServerException, match=sentence) as refused:
        transport.client.infer("fraud", transport.tensors(change(own.inputs)))
    assert refused.value.status() == STATUS[transport.name]
    assert_golden(transport.client.infer("fraud", transport.tensors(own.inputs)), own)


def test_unknown_names_are_not_found(transport: Transport, golden: dict[str, Golden]) -> None:
    own = golden["fraud@champion"]
    tensors = transport.tensors(own.inputs)
    for call, sentence in [
        (lambda: transport.client.infer("unknown", tensors), 'There is no model "unknown" here'),
        (
            lambda: transport.client.infer("fraud", tensors, model_version=UNKNOWN_VERSION),
            f'Version "{UNKNOWN_VERSION}" of model fraud is not served here',
        ),
        (lambda: transport.client.get_model_metadata("unknown"), 'There is no model "unknown" here'),
        (lambda: transport.client.get_model_config("unknown"), 'There is no model "unknown" here'),
        (lambda: transport.client.get_inference_statistics("unknown"), 'There is no model "unknown" here'),
    ]:
        with pytest.raises(InferenceServerException, match=sentence) as refused:
            call()
        assert refused.value.status() == NOT_FOUND[transport.name]


def test_what_is_not_served_says_so(transport: Transport) -> None:
    with pytest.raises(InferenceServerException) as refused:
        transport.client.get_system_shared_memory_status()
    assert refused.value.status() == {"grpc": "StatusCode.UNIMPLEMENTED", "http": "404"}[transport.name]
