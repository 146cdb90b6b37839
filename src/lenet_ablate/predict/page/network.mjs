/** The forward pass of a trained network. */

/**
 * @typedef {object} Layer
 * @property {string} name
 * @property {number[]} shape Of the weights: (out, in, height, width) of a convolution, (out, in) if fully connected.
 * @property {boolean} is_pooled Whether its maps are reduced afterwards.
 * @property {Float32Array} weight
 * @property {Float32Array} bias
 *
 * @typedef {object} Network
 * @property {number} size Side S of the square images that it takes.
 * @property {number} mean Subtracted from pixels scaled to 0..1.
 * @property {number} std Divides the centred pixels.
 * @property {string} pool max or avg.
 * @property {string} activation relu, tanh, sigmoid or gelu.
 * @property {string} output_activation none or relu.
 * @property {Layer[]} layers From the image to the logits.
 *
 * @typedef {object} Maps What a layer gives: (count, height, width) float32, one map after the other.
 * @property {number} count
 * @property {number} height
 * @property {number} width
 * @property {Float32Array} data
 */

// RATE, and M6 to M1, of engines/compiled/gelu.py, where the formula is.
const GELU_RATE = 0.2772;
const GELU_POWERS = [-0.111223574, 0.4254853895, -0.2904842641, 0.3058657169, 0.05308223227, 0.1172744994];
const GELU_END = 40; // the exponential is zero there, which infinity times zero is not

const ACTIVATIONS = {
  relu: (value) => Math.max(0, value),
  tanh: Math.tanh,
  sigmoid: (value) => 0.5 * (Math.tanh(0.5 * value) + 1),
  gelu: (value) => Math.max(0, value) - gapToRelu(Math.min(Math.abs(value), GELU_END)),
};

/** What a 2×2 field is reduced to. */
const POOLS = {
  max: (field) => Math.max(...field),
  avg: (field) => (field[0] + field[1] + field[2] + field[3]) / 4,
};

/**
 * The network with its weights, from float32 numbers in little-endian order, layer by layer weight and bias.
 * @param {object} description A network whose layers have no weights yet.
 * @param {string} base64
 * @returns {Network}
 */
export function withWeights(description, base64) {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  let place = 0;
  const take = (count) => Float32Array.from({ length: count }, () => view.getFloat32(4 * place++, true));
  const layers = description.layers.map((layer) => {
    const weight = take(layer.shape.reduce((product, side) => product * side));
    return { ...layer, weight, bias: take(layer.shape[0]) };
  });
  return { ...description, layers };
}

/**
 * The logits of an image, and the maps of the convolutions behind the nonlinearity and before pooling.
 * @param {Network} network
 * @param {Grid} image (S, S) uint8, 0 = background.
 * @returns {{logits: Float32Array, maps: Map<string, Maps>, units: Float32Array}} Ten logits; the maps by layer; what
 *   the output layer is given.
 */
export function forward(network, image) {
  const maps = new Map();
  let x = { count: 1, height: image.height, width: image.width, data: normalise(network, image.data) };
  let units = x.data;
  for (const layer of network.layers) {
    const isLast = layer === network.layers.at(-1);
    const isMap = layer.shape.length === 4 && layer.shape[2] < x.height;
    if (isLast) units = x.data;
    x = isMap ? convolve(x, layer) : connect(x, layer);
    if (!isLast) activate(x.data, network.activation);
    if (isMap) maps.set(layer.name, x);
    if (layer.is_pooled) x = reduceMaps(x, network.pool);
  }
  if (network.output_activation === "relu") activate(x.data, "relu");
  return { logits: x.data, maps, units };
}

function normalise(network, pixels) {
  return Float32Array.from(pixels, (level) => (level / 255 - network.mean) / network.std);
}

/** Valid cross-correlation. */
function convolve(x, layer) {
  const [count, inputs, side, across] = layer.shape;
  const [height, width] = [x.height - side + 1, x.width - across + 1];
  const data = new Float32Array(count * height * width);
  const sums = new Float64Array(height * width);
  for (let map = 0; map < count; map++) {
    sums.fill(layer.bias[map]);
    for (let k = 0; k < inputs * side * across; k++) {
      const [input, row, column] = [Math.floor(k / (side * across)), Math.floor(k / across) % side, k % across];
      const weight = layer.weight[map * inputs * side * across + k];
      const start = (input * x.height + row) * x.width + column;
      for (let y = 0; y < height; y++) {
        for (let i = 0; i < width; i++) sums[y * width + i] += weight * x.data[start + y * x.width + i];
      }
    }
    data.set(sums, map * height * width);
  }
  return { count, height, width, data };
}

/** A fully connected layer, or a convolution as large as its input. */
function connect(x, layer) {
  const inputs = x.data.length;
  const data = Float32Array.from(layer.bias, (bias, unit) => {
    let sum = bias;
    for (let i = 0; i < inputs; i++) sum += layer.weight[unit * inputs + i] * x.data[i];
    return sum;
  });
  return { count: data.length, height: 1, width: 1, data };
}

/** Maps of half the side: the largest or the mean of each 2×2 field. */
function reduceMaps(x, pool) {
  const [height, width] = [x.height / 2, x.width / 2];
  const data = new Float32Array(x.count * height * width);
  for (let i = 0; i < data.length; i++) {
    const [row, column] = [Math.floor(i / width), i % width];
    const corner = 2 * row * x.width + 2 * column; // rows of all maps lie below each other, two for each new one
    const field = [x.data[corner], x.data[corner + 1], x.data[corner + x.width], x.data[corner + x.width + 1]];
    data[i] = POOLS[pool](field);
  }
  return { count: x.count, height, width, data };
}

/** t·Φ(-t), by which gelu is below relu at t and -t. */
function gapToRelu(t) {
  const k = 1 / (1 + GELU_RATE * t);
  const ratio = GELU_POWERS.reduce((sum, coefficient) => (sum + coefficient) * k, 0);
  return t * Math.exp(-0.5 * t * t) * ratio;
}

function activate(values, activation) {
  const apply = ACTIVATIONS[activation];
  for (let i = 0; i < values.length; i++) values[i] = apply(values[i]);
}
