// Behind block.cu: a crew of seven threads trains two steps and judges, under ThreadSanitizer.
int main() {
  const int images = 21, classes = CLASSES;
  std::vector<unsigned char> pixels(images * PIXELS);
  std::vector<unsigned short> labels(images), said(images);
  std::vector<int> order(images);
  std::vector<Number> rates(6, Number(0.001)), weights(PARAMETERS), first(PARAMETERS), second(PARAMETERS);
  std::vector<Number> gradient(PARAMETERS), sums(N * SUMS3 + N * PARTS1 * SUMS1);
  std::vector<float> losses(images), probabilities(images), logits(images * classes);
  unsigned state = 1;
  auto draw = [&] { return state = state * 1664525u + 1013904223u, state >> 16; };
  for (auto &pixel : pixels) pixel = draw() & 255;
  for (int i = 0; i < images; i++) { order[i] = images - 1 - i; labels[i] = i % classes; }
  for (auto &weight : weights) weight = Number(int(draw() & 1023) - 512) / 5120;
  Run run = {pixels.data(), labels.data(), order.data(), nullptr, rates.data(), weights.data(), first.data(),
             second.data(), gradient.data(), sums.data(), losses.data(), Number(0.01), Number(-0.4), {Number(0.9), 1, 1, 0, 0, 0, SGD}, images, 11};
  train_run(&run, 7, 0);
  Judged judged = {pixels.data(), labels.data(), order.data(), weights.data(), losses.data(), probabilities.data(),
                   logits.data(), said.data(), Number(0.01), Number(-0.4), images};
  judge_split(&judged, 2, 7, 0);
  return losses[0] > 0 ? 0 : 1;
}
