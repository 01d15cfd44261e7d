"""A three-layer network in Keras, on TensorFlow, and its export to ONNX."""

import os
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# At import, TensorFlow logs which GPUs and CPU instructions it found; only warnings and errors matter.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import onnx
import tensorflow
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows
from tripline_training.data.sampling import sample_weighted
from tripline_training.networks.network_params import NETWORK_LIMITS, NETWORK_WHOLE, NetworkParams
from tripline_training.networks.onnx_network import strip_model
from tripline_training.networks.scaler import DEVIATIONS_MAX, Scaler, fit_scaler
from tripline_training.trees.calibration import Platt, fit_platt
from tripline_training.trees.export_onnx import INPUT_NAME, OUTPUT_NAME, Predict
from tripline_training.trees.fit_calibrated import (
    NOT_CALIBRATED,
    Calibration,
    days_to_hold_out,
    select_rows,
    split_rows,
)
from tripline_training.trees.params import read_values

DEFAULT_KERAS_PARAMS = Path(__file__).parents[2] / "keras-params.json"
VERSIONS = f"keras={keras.__version__} tensorflow={tensorflow.__version__}"
PREDICT_ROWS = 4_096
LAST = "margin"
KERAS_OPSET = 17


def read_keras_params(path: Path) -> NetworkParams:
    """Raises TrainingError that names the first parameter that is missing, unknown or out of range."""
    return NetworkParams(**read_values(path, NETWORK_LIMITS, NETWORK_WHOLE))


class ScaleFeatures(keras.layers.Layer):
    """Scales features for the network, with numbers computed from the training rows."""

    def __init__(self, scaler: Scaler) -> None:
        super().__init__(trainable=False, name="scale")
        self.scaler = scaler

    def call(self, features: tensorflow.Tensor) -> tensorflow.Tensor:
        logarithms = keras.ops.sign(features) * keras.ops.log(keras.ops.abs(features) + 1.0)
        values = self.scaler.logarithm * logarithms + (1.0 - self.scaler.logarithm) * features
        return keras.ops.clip((values - self.scaler.mean) * self.scaler.factor, -DEVIATIONS_MAX, DEVIATIONS_MAX)


@dataclass(frozen=True)
class FittedKeras:
    model: keras.Model
    """Calibrated; from features to the probability of fraud."""
    calibration: Calibration
    epochs: int


def fit_calibrated_keras(rows: Rows, params: NetworkParams, seed: int, jobs: int, delay_ms: int) -> FittedKeras:
    """Trains twice, as for the trees: first without the last days, which determine when to stop and how to calibrate.
    """
    _prepare(seed, jobs)
    days = days_to_hold_out(rows, delay_ms)
    if days == 0:
        model, epochs = _fit(rows, None, params, seed)
        return FittedKeras(model, NOT_CALIBRATED, epochs)
    earlier, held_rows = split_rows(rows, delay_ms, days)
    held = select_rows(rows, held_rows)
    trial, epochs = _fit(select_rows(rows, earlier), held, params, seed)
    platt = fit_platt(_margins(trial, held.features), held.fraud, held.weights)
    model, _ = _fit(rows, None, params, seed, epochs)
    _calibrate(model, platt)
    return FittedKeras(model, Calibration("platt", days), epochs)


def _prepare(seed: int, jobs: int) -> None:
    """The same rows, parameters, seed and number of threads always produce the same weights."""
    keras.utils.set_random_seed(seed)
    tensorflow.config.experimental.enable_op_determinism()
    try:
        tensorflow.config.threading.set_intra_op_parallelism_threads(jobs)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        # TensorFlow has already started; a process keeps the thread count of its first training run.
        return


def _fit(
    rows: Rows, held: Rows | None, params: NetworkParams, seed: int, epochs: int | None = None
) -> tuple[keras.Model, int]:
    """The model and its number of training epochs; with `held`, the number that is best on those rows."""
    # Names are part of the file. Keras's automatic names would depend on how many models this process has created.
    keras.utils.set_random_seed(seed)
    share = float(np.clip(rows.fraud.mean(), 1e-6, 1 - 1e-6))
    model = keras.Sequential(
        [
            keras.Input((rows.features.shape[1],), name=INPUT_NAME, dtype="float32"),
            ScaleFeatures(fit_scaler(rows.features)),
            keras.layers.Dense(params.hidden, activation="relu", name="first"),
            keras.layers.Dropout(params.dropout, name="first_dropout"),
            keras.layers.Dense(params.hidden // 2, activation="relu", name="second"),
            keras.layers.Dropout(params.dropout, name="second_dropout"),
            keras.layers.Dense(1, name=LAST, bias_initializer=keras.initializers.Constant(np.log(share / (1 - share)))),
            keras.layers.Activation("sigmoid", name=OUTPUT_NAME),
        ],
        name="fraud",
    )
    precision = keras.metrics.AUC(curve="PR", num_thresholds=1_000, name="ap")
    optimizer = keras.optimizers.AdamW(params.learning_rate)
    model.compile(optimizer, loss="binary_crossentropy", weighted_metrics=[precision])
    chosen, weights = sample_weighted(rows.fraud, params.genuine_share, seed)
    weights = weights if rows.explored is None else weights * rows.explored[chosen]
    stop = keras.callbacks.EarlyStopping("val_ap", mode="max", patience=params.patience, restore_best_weights=True)
    history = model.fit(
        rows.features[chosen],
        rows.fraud[chosen].astype(np.float32),
        sample_weight=None if params.genuine_share == 1 and rows.explored is None else weights,
        batch_size=params.batch_rows,
        epochs=epochs or params.epochs,
        validation_data=None if held is None else _held_data(held),
        callbacks=[] if held is None else [stop],
        verbose=0,
    )
    trained = len(history.history["loss"])
    return model, trained if held is None else int(np.argmax(history.history["val_ap"])) + 1


def _held_data(held: Rows) -> tuple[NDArray[Any], ...]:
    data = (held.features, held.fraud.astype(np.float32))
    return data if held.weights is None else (*data, held.weights)


def _margins(model: keras.Model, features: NDArray[np.float32]) -> NDArray[np.float64]:
    margin = keras.Model(model.inputs, model.get_layer(LAST).output)
    return np.asarray(margin.predict(features, batch_size=PREDICT_ROWS, verbose=0))[:, 0].astype(np.float64)


def _calibrate(model: keras.Model, platt: Platt) -> None:
    """The margin is linear in the last layer's weights, so these can include the slope and intercept."""
    kernel, bias = model.get_layer(LAST).get_weights()
    model.get_layer(LAST).set_weights([kernel * platt.slope, bias * platt.slope + platt.intercept])


def keras_to_onnx(model: keras.Model) -> bytes:
    """Uses Keras's own export, with the input and output names that all models in the registry have."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Keras patches tf2onnx for NumPy 2 before each use, which causes a NumPy warning.
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.onnx"
        model.export(str(path), format="onnx", opset_version=KERAS_OPSET, verbose=False)
        exported = onnx.load(path)
    graph = exported.graph
    names = {graph.input[0].name: INPUT_NAME, graph.output[0].name: OUTPUT_NAME}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    graph.input[0].name, graph.output[0].name = INPUT_NAME, OUTPUT_NAME
    return strip_model(exported.SerializeToString())


def predict_keras(model: keras.Model) -> Predict:
    """Keras's own probabilities, one per row."""

    def predict(features: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = model.predict(features, batch_size=PREDICT_ROWS, verbose=0)
        return np.asarray(scores, dtype=np.float32)[:, 0]

    return predict
