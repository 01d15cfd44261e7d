import type { FoundEnsemble } from "@tripline/tree-shap/find-ensemble";
import type { CategoryColumn, ReplacedInput } from "@tripline/tree-shap/read-categories";
import { readCategories } from "@tripline/tree-shap/read-categories";
import type { OnnxGraph, OnnxInput, OnnxNode } from "@tripline/tree-shap/read-onnx";
import { ScorerError } from "./scorer-error.js";

/** How a model's score is computed: sigmoid(margin), or the margin itself. */
export interface ScoreGraph {
  readonly input: OnnxInput;
  /** Columns of a row. */
  readonly width: number;
  readonly ensembles: readonly FoundEnsemble[];
  /** The category columns, which all ensembles read as numbers of a vocabulary. */
  readonly categories: readonly CategoryColumn[];
  readonly margin: Margin;
  readonly isSigmoid: boolean;
}

/** One number per row, computed in float32 step by step, as in onnxruntime. */
export type Margin =
  | { readonly kind: "ensemble"; readonly index: number }
  | { readonly kind: "sum"; readonly terms: readonly Margin[] }
  | { readonly kind: "scaled" | "shifted"; readonly of: Margin; readonly by: number };

/** float32 in TensorProto.DataType. */
const FLOAT = 1;
/** Maximum number of nodes between the output and an ensemble; exporters write only a few. */
const STEPS_MAX = 64;

/**
 * Parses a graph of trees, sums, products with constants, and a sigmoid.
 *
 * @throws ScorerError for any other graph
 */
export function readScore(graph: OnnxGraph, inputName: string, outputName: string): ScoreGraph {
  return new ScoreReader(graph, inputName).read(outputName);
}

class ScoreReader {
  private readonly ensembles: FoundEnsemble[] = [];
  private readonly makers = new Map<string, OnnxNode>();
  private readonly input: OnnxInput;
  private readonly width: number;
  private readonly replaced: ReplacedInput | undefined;
  private steps = 0;

  constructor(
    private readonly graph: OnnxGraph,
    inputName: string,
  ) {
    const [input, ...others] = graph.inputs;
    if (input === undefined || others.length > 0 || input.name !== inputName) {
      throw new ScorerError(`its only input must be "${inputName}"`);
    }
    const width = input.shape[1];
    if (input.elementType !== FLOAT || input.shape.length !== 2 || width === undefined) {
      throw new ScorerError(`its input "${inputName}" must be float32 of shape [rows, a fixed number of features]`);
    }
    for (const node of graph.nodes) for (const output of node.outputs) this.makers.set(output, node);
    this.input = input;
    this.width = width;
    this.replaced = readCategories(graph, input.name);
  }

  read(outputName: string): ScoreGraph {
    const { input, width, ensembles } = this;
    const parts = { input, width, ensembles, categories: this.replaced?.categories ?? [] };
    const node = this.makerOf(outputName);
    if (node.opType === "Sigmoid") {
      const margin = this.readMargin(node.inputs[0]);
      return { ...parts, margin, isSigmoid: true };
    }
    if (node.opType === "Gather") {
      return { ...parts, margin: this.readPositive(node), isSigmoid: true };
    }
    return { ...parts, margin: this.readMargin(outputName), isSigmoid: false };
  }

  /** The second column of a binary classifier's probabilities. */
  private readPositive(gather: OnnxNode): Margin {
    const [from = "", index = ""] = gather.inputs;
    const indices = this.graph.constants.get(index);
    const classifier = this.makerOf(from);
    if (gather.attributes.get("axis")?.int !== 1 || indices?.length !== 1 || indices[0] !== 1) {
      throw new ScorerError("it gathers a column other than the second");
    }
    if (classifier.opType !== "TreeEnsembleClassifier" || classifier.outputs[1] !== from) {
      throw new ScorerError(`it gathers from a ${classifier.opType}, not from a tree classifier`);
    }
    const labels = classifier.attributes.get("classlabels_int64s")?.ints.length;
    const weights = classifier.attributes.get("class_weights")?.floats ?? [];
    // Without a negative weight, onnxruntime treats the sums as probabilities and skips the sigmoid.
    if (labels !== 2 || !weights.some((weight) => weight < 0) || postTransformOf(classifier) !== "LOGISTIC") {
      throw new ScorerError("its classifier must have two classes and return log odds");
    }
    return this.addEnsemble(classifier);
  }

  private readMargin(tensor: string | undefined): Margin {
    const node = this.makerOf(tensor);
    switch (node.opType) {
      case "Identity":
        return this.readMargin(node.inputs[0]);
      case "Sum":
        return { kind: "sum", terms: node.inputs.map((input) => this.readMargin(input)) };
      case "Add":
        return this.readPair(node, "shifted");
      case "Mul":
        return this.readPair(node, "scaled");
      case "TreeEnsembleRegressor":
        if (postTransformOf(node) !== "NONE") throw new ScorerError("its trees have a post_transform");
        return this.addEnsemble(node);
      default:
        throw new ScorerError(`it has a ${node.opType}, which is not supported`);
    }
  }

  /** Either a margin and a constant, in any order, or a sum of two margins. */
  private readPair({ inputs, opType }: OnnxNode, kind: "scaled" | "shifted"): Margin {
    const [first = "", second = ""] = inputs;
    for (const [constant, other] of [
      [first, second],
      [second, first],
    ] as const) {
      const values = this.graph.constants.get(constant);
      if (values === undefined) continue;
      if (values.length !== 1) throw new ScorerError(`its ${opType} has a constant of ${values.length} numbers`);
      return { kind, of: this.readMargin(other), by: values[0] as number };
    }
    if (kind === "scaled") throw new ScorerError("it multiplies two values that are not constant");
    return { kind: "sum", terms: inputs.map((input) => this.readMargin(input)) };
  }

  private addEnsemble(node: OnnxNode): Margin {
    const { replaced } = this;
    let read = node.inputs[0];
    // All ensembles read the input, or all of them read it with its categories replaced.
    while (read !== (replaced?.tensor ?? this.input.name)) {
      const maker = this.makerOf(read);
      const isSame =
        maker.opType === "Identity" || (maker.opType === "Cast" && maker.attributes.get("to")?.int === FLOAT);
      if (!isSame) throw new ScorerError(`its trees read the output of a ${maker.opType}, not the input`);
      read = maker.inputs[0];
    }
    const aggregate = node.attributes.get("aggregate_function")?.string ?? "SUM";
    if (aggregate !== "SUM") throw new ScorerError(`its trees are aggregated by ${aggregate}`);
    const categories = replaced?.categories ?? [];
    this.ensembles.push({ node, input: this.input, width: this.width, categories });
    return { kind: "ensemble", index: this.ensembles.length - 1 };
  }

  private makerOf(tensor: string | undefined): OnnxNode {
    const maker = this.makers.get(tensor ?? "");
    this.steps += 1;
    if (this.steps > STEPS_MAX) throw new ScorerError(`it has more than ${STEPS_MAX} steps`);
    if (maker === undefined) throw new ScorerError(`no supported node computes "${tensor}"`);
    return maker;
  }
}

function postTransformOf(node: OnnxNode): string {
  return node.attributes.get("post_transform")?.string ?? "NONE";
}
