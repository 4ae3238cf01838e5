"""Weights and activations in 8 bits, with ranges measured on calibration texts before anything runs.

Each product of activations with constant weights becomes a product of integers: activations uint8 with one
scale and zero point, weights int8 with a scale per output. A few channels of a transformer's activations
are far larger than the others, and one scale for all would leave those few levels. So each channel is
divided by a factor of its own and its weights are multiplied by it, which changes nothing before rounding.
How much of the imbalance moves to the weights is chosen product by product, for the least error on the
calibration texts. Where that error stays large, activations get a second digit: what the first one rounded
away, in finer steps, multiplied by the same weights. The mean of the error that remains goes into the bias.

Fixed ranges make the answer independent of the batch, and cost less time than measuring each batch. Rows of
large embedding tables get a scale each.

Sources: Xiao et al., "SmoothQuant", ICML 2023 (factors); Nagel et al., "Data-Free Quantization Through
Weight Equalization and Bias Correction", ICCV 2019 (bias). Measured in docs/experiments.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from feinschliff.models.onnx import runtime

STRENGTHS = (None, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Shares of the imbalance that move to the weights; None leaves all where it is."""
TOLERANCE = 3e-4
"""Squared error of a product, as a share of its square, from which activations get a second digit."""
ROWS = 512
"""Tokens on which errors are measured."""
SECOND = 250
"""Steps of the second digit in one of the first."""
LARGE_TABLE = 1000
"""Rows from which an embedding table is quantised."""


@dataclass
class Seen:
    """What calibration saw of one tensor of activations with K channels.

    Attributes:
        low, high: float32 [K], over all tokens.
        rows: float32 [R, K], a sample of the tokens.
    """

    low: np.ndarray
    high: np.ndarray
    rows: list[np.ndarray] = field(default_factory=list)


@dataclass(frozen=True)
class Rule:
    """How one tensor of activations is quantised.

    Attributes:
        factors: float32 [K], what channels are divided by; None for none.
        scale, zero: Of the uint8 values.
        two: Whether there is a second digit, whose scale is `SECOND` times smaller and whose zero is 128.
    """

    factors: np.ndarray | None
    scale: float
    zero: int
    two: bool = False


def quantise(source: Path, target: Path, batches: Iterable[Mapping[str, np.ndarray]]) -> None:
    """Write a graph in 8 bits.

    Args:
        source: A graph in float32.
        target: File to write.
        batches: Inputs of the graph, without padding where possible: calibration sees padding as tokens.
    """
    import onnx

    graph = onnx.load(source)
    seen = _calibrate(graph, batches)
    _Writer(graph).write(seen)
    onnx.save(graph, target)


def products(graph: Any) -> dict[str, list[Any]]:
    """Return the MatMul nodes with constant weights, by the tensor of activations they read."""
    constants = {tensor.name for tensor in graph.graph.initializer}
    found: dict[str, list[Any]] = {}
    for node in graph.graph.node:
        if node.op_type == "MatMul" and node.input[1] in constants and node.input[0] not in constants:
            found.setdefault(node.input[0], []).append(node)
    return found


def _calibrate(graph: Any, batches: Iterable[Mapping[str, np.ndarray]]) -> dict[str, Seen]:
    """Run the graph and watch the activations that products read."""
    import onnx

    onnxruntime = runtime()
    names = list(products(graph))
    watched = onnx.ModelProto()
    watched.CopyFrom(graph)
    for name in names:
        watched.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        watched.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    given = list(batches)
    rng = np.random.default_rng(0)
    found: dict[str, Seen] = {}
    for inputs in given:
        for name, values in zip(names, session.run(names, dict(inputs)), strict=True):
            rows = values.reshape(-1, values.shape[-1])
            low, high = rows.min(axis=0), rows.max(axis=0)
            seen = found.setdefault(name, Seen(low, high))
            seen.low, seen.high = np.minimum(seen.low, low), np.maximum(seen.high, high)
            few = -(-ROWS // len(given))
            seen.rows.append(rows[np.sort(rng.permutation(len(rows))[:few])])
    return found


def choose(seen: Seen, weights: np.ndarray) -> Rule:
    """Return the rule with the least squared error of the product.

    Args:
        weights: float32 [K, N].
    """
    rows = np.concatenate(seen.rows)[:ROWS]
    exact = rows @ weights

    def error(rule: Rule) -> float:
        integers, scales = quantised_weights(weights, rule.factors)
        return float(np.square(_rounded(rows, rule) @ (integers * scales) - exact).mean())

    rules = [_rule(seen, weights, strength) for strength in STRENGTHS]
    errors = [error(rule) for rule in rules]
    if min(errors) > TOLERANCE * float(np.square(exact).mean()):
        return dataclasses.replace(rules[0], two=True)
    return rules[int(np.argmin(errors))]


def _rule(seen: Seen, weights: np.ndarray, strength: float | None) -> Rule:
    factors = None
    if strength is not None:
        reach = np.maximum(np.abs(seen.low), np.abs(seen.high)).clip(1e-5)
        raw = reach**strength / np.abs(weights).max(axis=1).clip(1e-5) ** (1 - strength)
        factors = (raw / np.exp(np.log(raw).mean())).astype(np.float32)
    divisor = 1 if factors is None else factors
    low = min(0.0, float((seen.low / divisor).min()))
    high = max(0.0, float((seen.high / divisor).max()))
    scale = max(high - low, 1e-9) / 255
    return Rule(factors, scale, int(np.clip(round(-low / scale), 0, 255)))


def quantised_weights(weights: np.ndarray, factors: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return int8 [K, N] and float32 [N], whose product is about the weights times the factors."""
    scaled = weights if factors is None else weights * factors[:, None]
    scales = (np.abs(scaled).max(axis=0) / 127).clip(1e-12).astype(np.float32)
    return np.clip(np.rint(scaled / scales), -127, 127).astype(np.int8), scales


def _rounded(rows: np.ndarray, rule: Rule) -> np.ndarray:
    """Return activations divided by the factors, as the integers stand for them."""
    values = rows if rule.factors is None else rows / rule.factors
    first = (np.clip(np.rint(values / rule.scale) + rule.zero, 0, 255) - rule.zero) * rule.scale
    if not rule.two:
        return first
    fine = rule.scale / SECOND
    return first + np.clip(np.rint((values - first) / fine), -128, 127) * fine


class _Writer:
    """Replaces nodes of a graph."""

    def __init__(self, model: Any):
        self.model, self.graph = model, model.graph
        self.constants = {tensor.name: tensor for tensor in self.graph.initializer}
        self.readers: dict[str, list[Any]] = {}
        for node in self.graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        self.before: dict[int, list[Any]] = {}
        self.instead: dict[int, list[Any]] = {}

    def write(self, seen: Mapping[str, Seen]) -> None:
        """Quantise products and embedding tables, and drop what nothing reads any more."""
        import onnx

        for name, nodes in products(self.model).items():
            weights = [self._array(node.input[1]) for node in nodes]
            rule = choose(seen[name], np.concatenate(weights, axis=1))
            self.before[id(nodes[0])] = self._activations(name, rule)
            rows = np.concatenate(seen[name].rows)[:ROWS]
            for node, matrix in zip(nodes, weights, strict=True):
                self._product(name, node, matrix, rule, rows)
        for node in self.graph.node:
            if node.op_type == "Gather" and node.input[0] in self.constants:
                table = self.constants[node.input[0]]
                if len(table.dims) == 2 and table.dims[0] >= LARGE_TABLE:
                    self._table(node)
        nodes = [
            made
            for node in self.graph.node
            for made in (*self.before.get(id(node), ()), *self.instead.get(id(node), (node,)))
        ]
        read = {name for node in nodes for name in node.input}
        constants = [tensor for name, tensor in self.constants.items() if name in read]
        for part, content in ((self.graph.node, nodes), (self.graph.initializer, constants)):
            del part[:]
            part.extend(content)
        del self.graph.value_info[:]
        if all(opset.domain != "com.microsoft" for opset in self.model.opset_import):
            self.model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))

    def _activations(self, name: str, rule: Rule) -> list[Any]:
        import onnx

        make = onnx.helper.make_node
        source, nodes = name, []
        if rule.factors is not None:
            source = f"{name}_even"
            factors = self._constant(f"{name}_factors", 1 / rule.factors)
            nodes.append(make("Mul", [name, factors], [source]))
        first = [
            self._constant(f"{name}_scale", np.float32(rule.scale)),
            self._constant(f"{name}_zero", np.uint8(rule.zero)),
        ]
        nodes.append(make("QuantizeLinear", [source, *first], [f"{name}_int8"]))
        if rule.two:
            second = [
                self._constant(f"{name}_rest_scale", np.float32(rule.scale / SECOND)),
                self._constant(f"{name}_rest_zero", np.uint8(128)),
            ]
            nodes += [
                make("DequantizeLinear", [f"{name}_int8", *first], [f"{name}_first"]),
                make("Sub", [source, f"{name}_first"], [f"{name}_rest"]),
                make("QuantizeLinear", [f"{name}_rest", *second], [f"{name}_rest_int8"]),
            ]
        return nodes

    def _product(self, name: str, node: Any, weights: np.ndarray, rule: Rule, rows: np.ndarray) -> None:
        import onnx

        integers, scales = quantised_weights(weights, rule.factors)
        shift = (rows @ weights - _rounded(rows, rule) @ (integers * scales)).mean(axis=0)
        own, output = node.input[1], node.output[0]
        readers = self.readers.get(output, [])
        if len(readers) == 1 and readers[0].op_type == "Add":
            bias = next((n for n in readers[0].input if n in self.constants), None)
            if bias is not None and self._array(bias).ndim == 1:
                shift, output = shift + self._array(bias), readers[0].output[0]
                self.instead[id(readers[0])] = []
        bias = self._constant(f"{own}_bias", shift.astype(np.float32))

        def product(digit: str, result: str, *more: str) -> Any:
            # Weights of its own for each product: onnxruntime may change them, and fails on shared ones.
            matrix = self._constant(f"{own}_of_{digit}_int8", integers)
            matrix_scale = self._constant(f"{own}_scale", scales)
            matrix_zero = self._constant(f"{own}_of_{digit}_zero", np.zeros(len(scales), np.int8))
            inputs = [f"{digit}_int8", matrix, f"{digit}_scale", matrix_scale, f"{digit}_zero", matrix_zero]
            operator = "MatMulIntegerToFloat"
            return onnx.helper.make_node(operator, [*inputs, *more], [result], domain="com.microsoft")

        if not rule.two:
            self.instead[id(node)] = [product(name, output, bias)]
            return
        parts = [f"{output}_first", f"{output}_second"]
        self.instead[id(node)] = [
            product(name, parts[0], bias),
            product(f"{name}_rest", parts[1]),
            onnx.helper.make_node("Add", parts, [output]),
        ]

    def _table(self, node: Any) -> None:
        """Look up integers and the scale of their row instead of floats."""
        import onnx

        name, output = node.input[0], node.output[0]
        table = self._array(name)
        scales = (np.abs(table).max(axis=1, keepdims=True) / 127).clip(1e-12).astype(np.float32)
        rows = self._constant(f"{name}_int8", np.rint(table / scales).astype(np.int8))
        parts = self._constant(f"{name}_scale", scales)
        make = onnx.helper.make_node
        self.instead[id(node)] = [
            make("Gather", [rows, node.input[1]], [f"{output}_int8"]),
            make("Gather", [parts, node.input[1]], [f"{output}_scale"]),
            make("Cast", [f"{output}_int8"], [f"{output}_float"], to=onnx.TensorProto.FLOAT),
            make("Mul", [f"{output}_float", f"{output}_scale"], [output]),
        ]

    def _array(self, name: str) -> np.ndarray:
        import onnx

        return onnx.numpy_helper.to_array(self.constants[name])

    def _constant(self, name: str, value: Any) -> str:
        import onnx

        self.constants[name] = onnx.numpy_helper.from_array(np.asarray(value), name)
        return name
