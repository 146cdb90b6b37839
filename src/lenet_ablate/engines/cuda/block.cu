// Training LeNet-5 on a GPU: a run is a thread block, and one launch trains it for many steps.
//
// This has not run on a GPU yet. The same source is CUDA for a block of THREADS threads and C++ for a crew of one or
// several threads, by which it is tested: every phase is a loop over items that do not depend on one another (`each`),
// and between two phases that share data stands a barrier.
//
// In front of this text stand the constants of a kind of network (kind.py): SIDE 32 or 28, CLASSES, POOL, ACTIVATION,
// RECTIFIED, IMAGES, SHARED_BYTES, and the type Number.
//
// Memory
//   A batch is worked through in chunks of N = IMAGES images, whose activations lie in the block's shared memory with
//   the filters of both convolutions. Maps lie image after image, and PAD numbers behind each spread the images over the
//   banks; units lie (units, N), the images innermost. Parameters, their gradient and the optimizer's two moments lie
//   in global memory, which at this size is the L2 cache, one array each, layer after layer, each layer's weights and
//   then its biases (layout.py). Weights lie (inputs, outputs), so that neighbouring threads read neighbouring numbers;
//   those of c1 lie (6, 25).
//   On the way forward the place of a gradient (d2, d4, d5, d6, and a3 with the mean) gets the derivative by which it
//   will be multiplied on the way back, so that no activation needs its argument again.
//
// Names are LeCun's: c1 s2 c3 s4 c5 f6 output. dX is the gradient of the loss by X before its activation.

enum { RELU, TANH, SIGMOID, GELU };
enum { MAX, MEAN };
enum { ADAM, SGD, RMSPROP };

constexpr int N = IMAGES, THREADS = 384, PAD = 4;
constexpr int TAPS = 25, MAPS1 = 6, MAPS3 = 16, UNITS5 = 120, UNITS6 = 84;
constexpr int SIDE1 = SIDE - 4, SIDE2 = SIDE1 / 2, SIDE3 = SIDE2 - 4, SIDE4 = SIDE3 / 2;
constexpr int PIXELS = SIDE * SIDE, FIELDS2 = SIDE2 * SIDE2, CELLS3 = SIDE3 * SIDE3, FIELDS4 = SIDE4 * SIDE4;
constexpr int UNITS4 = MAPS3 * FIELDS4, INPUTS3 = MAPS1 * TAPS;
constexpr int WEIGHTS1 = 0, BIASES1 = WEIGHTS1 + MAPS1 * TAPS;
constexpr int WEIGHTS3 = BIASES1 + MAPS1, BIASES3 = WEIGHTS3 + INPUTS3 * MAPS3;
constexpr int WEIGHTS5 = BIASES3 + MAPS3, BIASES5 = WEIGHTS5 + UNITS4 * UNITS5;
constexpr int WEIGHTS6 = BIASES5 + UNITS5, BIASES6 = WEIGHTS6 + UNITS5 * UNITS6;
constexpr int WEIGHTS7 = BIASES6 + UNITS6, BIASES7 = WEIGHTS7 + UNITS6 * CLASSES;
constexpr int PARAMETERS = BIASES7 + CLASSES;
constexpr int ROWS1 = 4, PARTS1 = SIDE1 / ROWS1;  // rows of c1 that one item of `gradient_c1` sums over
constexpr int SUMS1 = WEIGHTS3 - WEIGHTS1, SUMS3 = WEIGHTS5 - WEIGHTS3;

struct Rule {  // what of an optimizer is the same in every step, see `update`
  Number keep1, add1, keep2, add2, eps, decay;
  int optimizer;
};

struct Run {  // what a launch trains: as structs.py has it
  const unsigned char *pixels;    // (all images, PIXELS)
  const unsigned short *labels;   // (all images)
  const int *order;               // (images) of this slice, batch after batch
  const float *maps;              // (images, 6) affine maps by which they are sampled, or null: as they are
  const Number *rates;            // (steps, 3), see `update`
  Number *weights, *first, *second, *gradient;  // (PARAMETERS)
  Number *sums;                   // (N * SUMS3 + N * PARTS1 * SUMS1): parts of the convolutions' gradients
  float *losses;                  // (steps) mean loss of each batch
  Number scale, shift;            // a pixel is taken as pixel * scale + shift
  Rule rule;
  int images, batch;
};

struct Judged {  // what a launch judges: as structs.py has it
  const unsigned char *pixels;
  const unsigned short *labels;
  const int *order;               // (images)
  const Number *weights;
  float *losses, *probabilities, *logits;  // (images), (images), (images, CLASSES)
  unsigned short *classes;        // (images) said
  Number scale, shift;
  int images;
};

struct alignas(16) Shared {
  Number x[N][PIXELS + PAD];
  Number s2[N][MAPS1 * FIELDS2 + PAD], d2[N][MAPS1 * FIELDS2 + PAD];
  Number a3[N][MAPS3 * CELLS3 + PAD];  // derivatives of c3's activation where it is averaged, then dc3
  Number s4[UNITS4][N], d4[UNITS4][N];
  Number h5[UNITS5][N], d5[UNITS5][N], h6[UNITS6][N], d6[UNITS6][N];
  Number z7[CLASSES][N];  // logits, then their gradient
  Number w1[MAPS1 * TAPS], b1[MAPS1], w3[INPUTS3 * MAPS3], b3[MAPS3];
  Number loss[N];
  int image[N];  // of the data set
  unsigned char where2[N][MAPS1 * FIELDS2], where4[N][UNITS4];  // which of its four values a maximum was
};
static_assert(sizeof(Shared) == SHARED_BYTES, "kind.py counts otherwise");

// ---- The machine: a block's threads, or a crew of the host's.

#ifdef __CUDACC__
#define INNER __device__ __forceinline__
INNER int own_number() { return threadIdx.x; }
INNER int crew() { return THREADS; }
INNER int item_at(int place, int) { return place; }
INNER void barrier() { __syncthreads(); }
#else
#include <cmath>
#include <pthread.h>
#include <thread>
#include <vector>
#define INNER static inline
using std::erfc, std::exp, std::log, std::sqrt, std::tanh;
struct Crew {
  int number, size, reversed;
  pthread_barrier_t *meeting;
};
static thread_local Crew self;
INNER int own_number() { return self.number; }
INNER int crew() { return self.size; }
INNER int item_at(int place, int count) { return self.reversed ? count - 1 - place : place; }
INNER void barrier() { if (self.size > 1) pthread_barrier_wait(self.meeting); }
#endif

// Does work(item) for every item in 0..count-1, shared among the threads; in any order, with the same bits.
template <class Work> INNER void each(int count, Work work) {
  for (int place = own_number(); place < count; place += crew()) work(item_at(place, count));
}

// ---- Activation and pooling of a field of 2x2 values before the activation.

// y = f(z), and f'(z) into slope. NaN stays NaN, or a run that diverged would not be seen.
INNER Number activate(Number z, Number &slope) {
  if (ACTIVATION == RELU) {
    slope = z > Number(0) ? Number(1) : Number(0);
    return z <= Number(0) ? Number(0) : z;
  }
  if (ACTIVATION == TANH) {
    const Number y = tanh(z);
    slope = Number(1) - y * y;
    return y;
  }
  if (ACTIVATION == SIGMOID) {
    const Number y = Number(1) / (Number(1) + exp(-z));
    slope = y * (Number(1) - y);
    return y;
  }
  // x * P(X <= x) and its derivative P(X <= x) + x * density(x) of a normal X (Hendrycks and Gimpel 2016).
  const Number below = Number(0.5) * erfc(Number(-0.70710678118654752) * z);
  const Number density = Number(0.39894228040143268) * exp(Number(-0.5) * z * z);
  slope = below + (density == Number(0) ? Number(0) : z * density);
  return below == Number(0) ? Number(0) : z * below;
}

// The greatest of four activated values, the first of equals, NaN before all; its derivative, and where it was.
INNER Number greatest(const Number *z, Number &slope, unsigned char &where) {
  int at = 0;
  Number best = activate(z[0], slope);
#pragma unroll
  for (int i = 1; i < 4; i++) {
    Number own;
    const Number y = activate(z[i], own);
    if (y > best || y != y) { best = y; slope = own; at = i; }
  }
  where = (unsigned char)at;
  return best;
}

// The same by the greatest value before an activation that never falls: one activation in place of four.
INNER Number greatest_before(const Number *z, Number &slope, unsigned char &where) {
  int at = 0;
  Number best = z[0];
#pragma unroll
  for (int i = 1; i < 4; i++)
    if (z[i] > best || z[i] != z[i]) { best = z[i]; at = i; }
  where = (unsigned char)at;
  return activate(best, slope);
}

// The mean of four activated values; their derivatives into slopes.
INNER Number mean(const Number *z, Number *slopes) {
  Number sum = 0;
#pragma unroll
  for (int i = 0; i < 4; i++) sum += activate(z[i], slopes[i]);
  return Number(0.25) * sum;
}

// Pooled value of a field; factor is what a pooled value's gradient is multiplied by on its way to the field.
INNER Number pool(const Number *z, Number &factor, Number *slopes, unsigned char &where) {
  if (POOL == MEAN) {
    factor = Number(0.25);
    return mean(z, slopes);
  }
  return ACTIVATION == GELU ? greatest(z, factor, where) : greatest_before(z, factor, where);
}

// ---- The way forward.

// Filters of both convolutions from global memory.
INNER void load_filters(Shared &s, const Number *weights) {
  each(MAPS1 * TAPS, [&](int i) { s.w1[i] = weights[WEIGHTS1 + i]; });
  each(MAPS1, [&](int i) { s.b1[i] = weights[BIASES1 + i]; });
  each(INPUTS3 * MAPS3, [&](int i) { s.w3[i] = weights[WEIGHTS3 + i]; });
  each(MAPS3, [&](int i) { s.b3[i] = weights[BIASES3 + i]; });
}

// image (N): the chunk's images; places behind the last repeat it, so that they overflow only where it does.
INNER void choose(Shared &s, const int *order, int count) {
  each(N, [&](int n) { s.image[n] = order[n < count ? n : count - 1]; });
}

// x (N, PIXELS) = pixels * scale + shift.
INNER void gather(Shared &s, const unsigned char *pixels, Number scale, Number shift) {
  each(N * PIXELS, [&](int item) {
    const int n = item / PIXELS, i = item % PIXELS;
    s.x[n][i] = pixels[(long long)s.image[n] * PIXELS + i] * scale + shift;
  });
}

// A pixel in 0..255; beyond the border is background.
INNER Number pixel_at(const unsigned char *image, int row, int column) {
  return row < 0 || column < 0 || row >= SIDE || column >= SIDE ? Number(0) : Number(image[row * SIDE + column]);
}

// x (N, PIXELS): the same of images sampled by their maps (N, 6) bilinearly, as datasets/augment.py says.
INNER void sample(Shared &s, const unsigned char *pixels, const float *maps, int count, Number scale, Number shift) {
  each(N * PIXELS, [&](int item) {
    const int n = item / PIXELS, i = item % PIXELS;
    const float *map = maps + 6 * (n < count ? n : count - 1);
    const unsigned char *image = pixels + (long long)s.image[n] * PIXELS;
    const Number centre = Number(SIDE - 1) / 2, across = i % SIDE - centre, down = i / SIDE - centre;
    const Number column = map[0] * across + map[1] * down + map[2] + centre;
    const Number row = map[3] * across + map[4] * down + map[5] + centre;
    Number value = 0;
    if (column > -1 && column < SIDE && row > -1 && row < SIDE) {
      const int left = int(column + 1) - 1, top = int(row + 1) - 1;  // rounded down: neither is below -1
      const Number p = column - left, q = row - top;
      value = (1 - q) * (1 - p) * pixel_at(image, top, left) + (1 - q) * p * pixel_at(image, top, left + 1) +
              q * (1 - p) * pixel_at(image, top + 1, left) + q * p * pixel_at(image, top + 1, left + 1);
    }
    s.x[n][i] = value * scale + shift;
  });
}

// s2 (N, 6, SIDE2, SIDE2) = pool(f(w1 * x + b1)), an item per field of all six maps.
INNER void forward_c1(Shared &s) {
  each(N * FIELDS2, [&](int item) {
    const int n = item / FIELDS2, field = item % FIELDS2, y = field / SIDE2 * 2, x = field % SIDE2 * 2;
    Number in[6][6];
#pragma unroll
    for (int i = 0; i < 6; i++)
#pragma unroll
      for (int j = 0; j < 6; j++) in[i][j] = s.x[n][(y + i) * SIDE + x + j];
#pragma unroll
    for (int c = 0; c < MAPS1; c++) {
      Number z[4] = {s.b1[c], s.b1[c], s.b1[c], s.b1[c]}, slopes[4];
#pragma unroll
      for (int k = 0; k < TAPS; k++) {
        const Number w = s.w1[c * TAPS + k];
#pragma unroll
        for (int i = 0; i < 4; i++) z[i] += w * in[k / 5 + i / 2][k % 5 + i % 2];
      }
      const int at = c * FIELDS2 + field;
      s.s2[n][at] = pool(z, s.d2[n][at], slopes, s.where2[n][at]);
    }
  });
}

// s4 (16 * FIELDS4, N) = pool(f(w3 * s2 + b3)), an item per field of four maps; a3 as `Shared` says.
INNER void forward_c3(Shared &s) {
  each(MAPS3 / 4 * N * FIELDS4, [&](int item) {
    const int group = item / (N * FIELDS4) * 4, n = item / FIELDS4 % N, field = item % FIELDS4;
    const int y = field / SIDE4 * 2, x = field % SIDE4 * 2;
    Number z[4][4];
#pragma unroll
    for (int c = 0; c < 4; c++)
#pragma unroll
      for (int i = 0; i < 4; i++) z[c][i] = s.b3[group + c];
#pragma unroll 1
    for (int from = 0; from < MAPS1; from++) {
      Number in[6][6];
#pragma unroll
      for (int i = 0; i < 6; i++)
#pragma unroll
        for (int j = 0; j < 6; j++) in[i][j] = s.s2[n][from * FIELDS2 + (y + i) * SIDE2 + x + j];
#pragma unroll
      for (int k = 0; k < TAPS; k++)
#pragma unroll
        for (int c = 0; c < 4; c++) {
          const Number w = s.w3[(from * TAPS + k) * MAPS3 + group + c];
#pragma unroll
          for (int i = 0; i < 4; i++) z[c][i] += w * in[k / 5 + i / 2][k % 5 + i % 2];
        }
    }
#pragma unroll
    for (int c = 0; c < 4; c++) {
      const int unit = (group + c) * FIELDS4 + field;
      Number slopes[4];
      s.s4[unit][n] = pool(z[c], s.d4[unit][n], slopes, s.where4[n][unit]);
      if (POOL == MEAN)
#pragma unroll
        for (int i = 0; i < 4; i++) s.a3[n][(group + c) * CELLS3 + (y + i / 2) * SIDE3 + x + i % 2] = slopes[i];
    }
  });
}

constexpr int TOGETHER = N < 4 ? N : 4;  // images that one item of `forward_units` takes

// z (outs, N) = weights (ins, outs) transposed * given (ins, N) + biases; then finish(unit, image, z).
template <class Finish>
INNER void forward_units(const Number *weights, const Number (*given)[N], int ins, int outs, Finish finish) {
  const Number *biases = weights + ins * outs;
  each(outs * (N / TOGETHER), [&](int item) {
    const int unit = item % outs, begin = item / outs * TOGETHER;
    Number z[TOGETHER];
#pragma unroll
    for (int n = 0; n < TOGETHER; n++) z[n] = biases[unit];
    for (int k = 0; k < ins; k++) {
      const Number w = weights[k * outs + unit];
#pragma unroll
      for (int n = 0; n < TOGETHER; n++) z[n] += w * given[k][begin + n];
    }
#pragma unroll
    for (int n = 0; n < TOGETHER; n++) finish(unit, begin + n, z[n]);
  });
}

// h (outs, N) = f(z), and the derivative into d.
INNER void forward_hidden(const Number *weights, const Number (*given)[N], int ins, int outs, Number (*h)[N],
                          Number (*d)[N]) {
  forward_units(weights, given, ins, outs, [&](int unit, int n, Number z) { h[unit][n] = activate(z, d[unit][n]); });
}

// z7 (CLASSES, N), the logits; behind a ReLU where RECTIFIED.
INNER void forward_output(Shared &s, const Number *weights) {
  forward_units(weights, s.h6, UNITS6, CLASSES,
                [&](int unit, int n, Number z) { s.z7[unit][n] = RECTIFIED && z <= Number(0) ? Number(0) : z; });
}

// From x to z7, with a barrier behind.
INNER void forward(Shared &s, const Number *weights) {
  forward_c1(s);
  barrier();
  forward_c3(s);
  barrier();
  forward_hidden(weights + WEIGHTS5, s.s4, UNITS4, UNITS5, s.h5, s.d5);
  barrier();
  forward_hidden(weights + WEIGHTS6, s.h5, UNITS5, UNITS6, s.h6, s.d6);
  barrier();
  forward_output(s, weights + WEIGHTS7);
  barrier();
}

// The class with the greatest logit, the first of equals; a NaN counts as the greatest.
INNER int top_class(const Shared &s, int n) {
  int top = 0;
  for (int k = 1; k < CLASSES; k++)
    if (!(s.z7[k][n] <= s.z7[top][n]) && s.z7[top][n] == s.z7[top][n]) top = k;
  return top;
}

// Sum over classes of exp(z - z_top).
INNER Number exponentials(const Shared &s, int n, int top) {
  Number total = 0;
  for (int k = 0; k < CLASSES; k++) total += exp(s.z7[k][n] - s.z7[top][n]);
  return total;
}

// ---- The way back. Gradients are summed over the chunks of a batch; the first chunk overwrites.

// loss (N) += -log softmax(z7)[label]; z7 = (softmax - onehot) / batch, zero in spare places and where a ReLU made it.
INNER void backward_loss(Shared &s, const unsigned short *labels, int count, int batch) {
  each(N, [&](int n) {
    const int label = labels[s.image[n]], top = top_class(s, n);
    const Number total = exponentials(s, n, top), largest = s.z7[top][n];
    if (n < count) s.loss[n] += log(total) - (s.z7[label][n] - largest);
    for (int k = 0; k < CLASSES; k++) {
      const bool passes = n < count && !(RECTIFIED && s.z7[k][n] == Number(0));
      const Number wanted = k == label ? 1 : 0;
      s.z7[k][n] = passes ? (exp(s.z7[k][n] - largest) / total - wanted) / batch : Number(0);
    }
  });
}

// gradient (ins, outs) += given (ins, N) * d (outs, N) transposed, and behind it (outs) the sums of d: the biases'.
// An item is a third of a unit's weights; the bias belongs to the last third.
INNER void gradient_units(Number *gradient, const Number (*given)[N], const Number (*d)[N], int ins, int outs,
                          bool is_first) {
  each(outs * 3, [&](int item) {
    const int unit = item % outs, part = item / outs, share = (ins + 3) / 3;
    const int end = part == 2 ? ins + 1 : (part + 1) * share;
    Number own[N];
#pragma unroll
    for (int n = 0; n < N; n++) own[n] = d[unit][n];
#pragma unroll 4
    for (int k = part * share; k < end; k++) {
      Number sum = is_first ? Number(0) : gradient[k * outs + unit];
#pragma unroll
      for (int n = 0; n < N; n++) sum += (k < ins ? given[k][n] : Number(1)) * own[n];
      gradient[k * outs + unit] = sum;
    }
  });
}

// into (ins, N) *= weights (ins, outs) * d (outs, N): the derivative, which lies there, becomes the gradient.
INNER void backward_units(const Number *weights, const Number (*d)[N], int ins, int outs, Number (*into)[N]) {
  each(ins, [&](int k) {
    Number sums[N] = {};
    for (int unit = 0; unit < outs; unit++) {
      const Number w = weights[k * outs + unit];
#pragma unroll
      for (int n = 0; n < N; n++) sums[n] += w * d[unit][n];
    }
#pragma unroll
    for (int n = 0; n < N; n++) into[k][n] *= sums[n];
  });
}

// a3 (N, 16, SIDE3, SIDE3) = dc3: of a maximum to its place, of a mean to all four by their derivatives.
INNER void backward_s4(Shared &s) {
  each(N * UNITS4, [&](int item) {
    const int n = item / UNITS4, unit = item % UNITS4, map = unit / FIELDS4, field = unit % FIELDS4;
    const int y = field / SIDE4 * 2, x = field % SIDE4 * 2;
    const Number d = s.d4[unit][n];
#pragma unroll
    for (int i = 0; i < 4; i++) {
      Number &a = s.a3[n][map * CELLS3 + (y + i / 2) * SIDE3 + x + i % 2];
      a = POOL == MEAN ? d * a : i == s.where4[n][unit] ? d : Number(0);
    }
  });
}

// Parts of the gradients of w3 and b3, (N, SUMS3): an item is two output maps, one input map and one image.
INNER void gradient_c3(const Shared &s, Number *sums) {
  each(MAPS3 / 2 * MAPS1 * N, [&](int item) {
    const int n = item % N, from = item / N % MAPS1, to = item / (N * MAPS1) * 2;
    Number g[2][TAPS] = {}, bias[2] = {};
#pragma unroll 1
    for (int y = 0; y < SIDE3; y++) {
      Number d[2][SIDE3];
#pragma unroll
      for (int x = 0; x < SIDE3; x++)
#pragma unroll
        for (int c = 0; c < 2; c++) {
          d[c][x] = s.a3[n][(to + c) * CELLS3 + y * SIDE3 + x];
          bias[c] += d[c][x];
        }
#pragma unroll
      for (int ky = 0; ky < 5; ky++) {
        Number in[SIDE2];
#pragma unroll
        for (int x = 0; x < SIDE2; x++) in[x] = s.s2[n][from * FIELDS2 + (y + ky) * SIDE2 + x];
#pragma unroll
        for (int kx = 0; kx < 5; kx++)
#pragma unroll
          for (int x = 0; x < SIDE3; x++)
#pragma unroll
            for (int c = 0; c < 2; c++) g[c][ky * 5 + kx] += d[c][x] * in[x + kx];
      }
    }
    Number *own = sums + n * SUMS3;
#pragma unroll
    for (int c = 0; c < 2; c++) {
#pragma unroll
      for (int k = 0; k < TAPS; k++) own[(from * TAPS + k) * MAPS3 + to + c] = g[c][k];
      if (from == 0) own[INPUTS3 * MAPS3 + to + c] = bias[c];
    }
  });
}

// d2 (N, 6, SIDE2, SIDE2) *= the transposed convolution of dc3 with w3: an item is one row of two input maps.
INNER void backward_c3(Shared &s) {
  each(N * (MAPS1 / 2) * SIDE2, [&](int item) {
    const int y = item % SIDE2, from = item / SIDE2 % (MAPS1 / 2) * 2, n = item / (SIDE2 * (MAPS1 / 2));
    Number d[2][SIDE2] = {};
    for (int ky = 0; ky < 5; ky++) {
      if (y - ky < 0 || y - ky >= SIDE3) continue;
#pragma unroll 2
      for (int to = 0; to < MAPS3; to++) {
        Number row[SIDE3];
#pragma unroll
        for (int x = 0; x < SIDE3; x++) row[x] = s.a3[n][to * CELLS3 + (y - ky) * SIDE3 + x];
#pragma unroll
        for (int c = 0; c < 2; c++)
#pragma unroll
          for (int kx = 0; kx < 5; kx++) {
            const Number w = s.w3[((from + c) * TAPS + ky * 5 + kx) * MAPS3 + to];
#pragma unroll
            for (int x = 0; x < SIDE3; x++) d[c][x + kx] += w * row[x];
          }
      }
    }
#pragma unroll
    for (int c = 0; c < 2; c++)
#pragma unroll
      for (int x = 0; x < SIDE2; x++) s.d2[n][(from + c) * FIELDS2 + y * SIDE2 + x] *= d[c][x];
  });
}

// Parts of the gradients of w1 and b1, (N * PARTS1, SUMS1): an item is one map, one image and ROWS1 rows of c1.
// Of a mean each place needs its own derivative, and so its value before the activation again.
INNER void gradient_c1(const Shared &s, Number *sums) {
  each(MAPS1 * N * PARTS1, [&](int item) {
    const int c = item % MAPS1, n = item / MAPS1 % N, part = item / (MAPS1 * N);
    Number g[TAPS] = {}, w[TAPS], bias = 0;
    if (POOL == MEAN)
#pragma unroll
      for (int k = 0; k < TAPS; k++) w[k] = s.w1[c * TAPS + k];
#pragma unroll 1
    for (int y = part * ROWS1; y < (part + 1) * ROWS1; y++) {
      Number in[5][5];  // moves along the row
#pragma unroll
      for (int i = 0; i < 5; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) in[i][j + 1] = s.x[n][(y + i) * SIDE + j];
#pragma unroll 2
      for (int x = 0; x < SIDE1; x++) {
#pragma unroll
        for (int i = 0; i < 5; i++) {
#pragma unroll
          for (int j = 0; j < 4; j++) in[i][j] = in[i][j + 1];
          in[i][4] = s.x[n][(y + i) * SIDE + x + 4];
        }
        const int at = c * FIELDS2 + y / 2 * SIDE2 + x / 2;
        Number d = s.d2[n][at];
        if (POOL == MEAN) {
          Number z = s.b1[c], slope;
#pragma unroll
          for (int k = 0; k < TAPS; k++) z += w[k] * in[k / 5][k % 5];
          activate(z, slope);
          d *= slope;
        } else if (s.where2[n][at] != y % 2 * 2 + x % 2) {
          d = 0;
        }
#pragma unroll
        for (int k = 0; k < TAPS; k++) g[k] += d * in[k / 5][k % 5];
        bias += d;
      }
    }
    Number *own = sums + (n * PARTS1 + part) * SUMS1;
#pragma unroll
    for (int k = 0; k < TAPS; k++) own[c * TAPS + k] = g[k];
    own[MAPS1 * TAPS + c] = bias;
  });
}

// gradient (count) += the sum over the parts (parts, count), in their order.
INNER void collect(Number *gradient, const Number *sums, int parts, int count, bool is_first) {
  each(count, [&](int i) {
    Number sum = is_first ? Number(0) : gradient[i];
    for (int part = 0; part < parts; part++) sum += sums[part * count + i];
    gradient[i] = sum;
  });
}

// From the gradient of the logits, in z7, to those of all parameters.
INNER void backward(Shared &s, const Run &run, bool is_first) {
  const Number *weights = run.weights;
  Number *sums3 = run.sums, *sums1 = run.sums + N * SUMS3;
  gradient_units(run.gradient + WEIGHTS7, s.h6, s.z7, UNITS6, CLASSES, is_first);
  backward_units(weights + WEIGHTS7, s.z7, UNITS6, CLASSES, s.d6);
  barrier();
  gradient_units(run.gradient + WEIGHTS6, s.h5, s.d6, UNITS5, UNITS6, is_first);
  backward_units(weights + WEIGHTS6, s.d6, UNITS5, UNITS6, s.d5);
  barrier();
  gradient_units(run.gradient + WEIGHTS5, s.s4, s.d5, UNITS4, UNITS5, is_first);
  backward_units(weights + WEIGHTS5, s.d5, UNITS4, UNITS5, s.d4);
  barrier();
  backward_s4(s);
  barrier();
  gradient_c3(s, sums3);
  backward_c3(s);
  barrier();
  gradient_c1(s, sums1);
  barrier();
  collect(run.gradient + WEIGHTS1, sums1, N * PARTS1, SUMS1, is_first);
  collect(run.gradient + WEIGHTS3, sums3, N, SUMS3, is_first);
  barrier();
}

// ---- The update, as torch.optim defines it; all but AdamW, whose decay is 0 here, add decay * w to the gradient.

// rates are rate, scale, shrink of this step (rule.py):
//   Adam, AdamW: m = keep1 m + add1 g, v = keep2 v + add2 g^2, w = shrink w - rate m / (sqrt(v) scale + eps)
//   SGD:         m = keep1 m + g, w -= rate (keep2 m + add2 g)
//   RMSprop:     v = keep2 v + add2 g^2, m = keep1 m + g / (sqrt(v) + eps), w -= rate m
INNER void update(const Run &run, const Number *rates) {
  const Rule rule = run.rule;
  const Number rate = rates[0], scale = rates[1], shrink = rates[2];
  each(PARAMETERS, [&](int i) {
    const Number w = run.weights[i], g = run.gradient[i] + rule.decay * w;
    Number m = run.first[i], v = run.second[i], step;
    if (rule.optimizer == ADAM) {
      m = rule.keep1 * m + rule.add1 * g;
      v = rule.keep2 * v + rule.add2 * g * g;
      step = rate * m / (sqrt(v) * scale + rule.eps);
    } else if (rule.optimizer == SGD) {
      m = rule.keep1 * m + g;
      step = rate * (rule.keep2 * m + rule.add2 * g);
    } else {
      v = rule.keep2 * v + rule.add2 * g * g;
      m = rule.keep1 * m + g / (sqrt(v) + rule.eps);
      step = rate * m;
    }
    run.first[i] = m;
    run.second[i] = v;
    run.weights[i] = shrink * w - step;
  });
}

// ---- What a launch does.

// A slice of steps of one run.
INNER void train(Shared &s, const Run &run) {
  for (int begin = 0, step = 0; begin < run.images; begin += run.batch, step++) {
    const int batch = run.images - begin < run.batch ? run.images - begin : run.batch;
    load_filters(s, run.weights);
    each(N, [&](int n) { s.loss[n] = 0; });
    for (int done = 0; done < batch; done += N) {
      const int count = batch - done < N ? batch - done : N, at = begin + done;
      choose(s, run.order + at, count);
      barrier();
      if (run.maps)
        sample(s, run.pixels, run.maps + 6 * (long long)at, count, run.scale, run.shift);
      else
        gather(s, run.pixels, run.scale, run.shift);
      barrier();
      forward(s, run.weights);
      backward_loss(s, run.labels, count, batch);
      barrier();
      backward(s, run, done == 0);
    }
    update(run, run.rates + 3 * step);
    each(1, [&](int) {
      Number sum = 0;
      for (int n = 0; n < N; n++) sum += s.loss[n];
      run.losses[step] = float(sum / batch);
    });
    barrier();
  }
}

// The share of one of several blocks in judging a split.
INNER void judge(Shared &s, const Judged &split, int block, int blocks) {
  load_filters(s, split.weights);
  for (int begin = block * N; begin < split.images; begin += blocks * N) {
    const int count = split.images - begin < N ? split.images - begin : N;
    choose(s, split.order + begin, count);
    barrier();
    gather(s, split.pixels, split.scale, split.shift);
    barrier();
    forward(s, split.weights);
    each(count, [&](int n) {
      const int top = top_class(s, n);
      const Number total = exponentials(s, n, top);
      split.classes[begin + n] = (unsigned short)top;
      split.probabilities[begin + n] = float(Number(1) / total);
      split.losses[begin + n] = float(log(total) - (s.z7[split.labels[s.image[n]]][n] - s.z7[top][n]));
    });
    each(count * CLASSES, [&](int i) {
      split.logits[(long long)begin * CLASSES + i] = float(s.z7[i % CLASSES][i / CLASSES]);
    });
    barrier();
  }
}

#ifdef __CUDACC__
extern __shared__ float4 block_memory[];

extern "C" __global__ void __launch_bounds__(THREADS, 1) train_run(const Run run) {
  train(*(Shared *)block_memory, run);
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) judge_split(const Judged split) {
  judge(*(Shared *)block_memory, split, blockIdx.x, gridDim.x);
}
#else
// Calls work(shared) in every thread of a crew; the items of each phase in reverse order where asked.
template <class Work> static void with_crew(int size, int reversed, Work work) {
  pthread_barrier_t meeting;
  pthread_barrier_init(&meeting, nullptr, size);
  Shared *shared = new Shared();
  auto own = [&](int number) {
    self = Crew{number, size, reversed, &meeting};
    work(*shared);
  };
  std::vector<std::thread> others;
  for (int number = 1; number < size; number++) others.emplace_back(own, number);
  own(0);
  for (auto &other : others) other.join();
  delete shared;
  pthread_barrier_destroy(&meeting);
}

extern "C" void train_run(const Run *run, int size, int reversed) {
  with_crew(size, reversed, [&](Shared &s) { train(s, *run); });
}

extern "C" void judge_split(const Judged *split, int blocks, int size, int reversed) {
  for (int block = 0; block < blocks; block++)
    with_crew(size, reversed, [&](Shared &s) { judge(s, *split, block, blocks); });
}
#endif
