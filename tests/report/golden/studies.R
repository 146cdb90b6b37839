# What R says of the five studies: `Rscript studies.R`, in this folder; writes studies.out.csv. Base R, here 4.2.2.
runs <- read.csv("studies.csv")
alpha <- 0.05 * 0.8 # what is spent at the first look
out <- data.frame()
tell <- function(study, what, key, value) {
  out <<- rbind(out, data.frame(study, what, key, value = sprintf("%.17g", as.numeric(value))))
}
done <- function(study) runs[runs$study == study & runs$status == "done", ]
pairs_of <- list(c(0, 1), c(0, 2), c(1, 2))

for (study in c("balanced", "unbalanced", "failures")) {
  own <- done(study)
  for (level in 0:2) {
    x <- own$outcome[own$a == level]
    found <- t.test(x)
    tell(study, "mean", level, mean(x)); tell(study, "sd", level, sd(x))
    tell(study, "ci_low", level, found$conf.int[1]); tell(study, "ci_high", level, found$conf.int[2])
  }
  p <- c()
  for (pair in pairs_of) {
    both <- merge(own[own$a == pair[1], ], own[own$a == pair[2], ], by = "seed")
    x <- both$outcome.x; y <- both$outcome.y; key <- paste(pair, collapse = "-")
    found <- t.test(x, y, paired = TRUE)
    all <- t.test(x, y, paired = TRUE, conf.level = 1 - alpha / 3)
    p <- c(p, found$p.value)
    tell(study, "n_pairs", key, length(x)); tell(study, "diff", key, mean(x - y))
    tell(study, "ci_low", key, found$conf.int[1]); tell(study, "ci_high", key, found$conf.int[2])
    tell(study, "ci_all_low", key, all$conf.int[1]); tell(study, "ci_all_high", key, all$conf.int[2])
    tell(study, "p", key, found$p.value); tell(study, "p_welch", key, t.test(x, y)$p.value)
    tell(study, "rho", key, cor(x, y))
    power <- power.t.test(length(x), sd = 1, sig.level = alpha / 3, power = 0.8, type = "paired", strict = TRUE, tol = 1e-13)
    tell(study, "detectable_effect", key, power$delta)
  }
  holm <- p.adjust(p, "holm")
  for (i in 1:3) tell(study, "p_holm", paste(pairs_of[[i]], collapse = "-"), holm[i])
}

every <- runs[runs$study == "failures", ]
chance <- ifelse(every$status == "done", every$outcome, 0.1)
failed <- tapply(every$status == "diverged", every$a, sum); ended <- tapply(every$status, every$a, length)
for (pair in pairs_of) {
  key <- paste(pair, collapse = "-"); i <- pair + 1
  tell("failures", "p_failures", key, fisher.test(rbind(failed[i], ended[i] - failed[i]))$p.value)
  x <- chance[every$a == pair[1]]; y <- chance[every$a == pair[2]]
  tell("failures", "p_at_chance", key, t.test(x, y, paired = TRUE)$p.value)
  tell("failures", "diff_failures", key, mean(x - y))
}
for (level in 1:2) {
  found <- prop.test(failed[level + 1], ended[level + 1], correct = FALSE)$conf.int
  tell("failures", "wilson_low", level, found[1]); tell("failures", "wilson_high", level, found[2])
}

own <- done("interaction")
for (name in c("a", "b", "seed")) own[[name]] <- factor(own[[name]])
within <- summary(aov(outcome ~ a * b + Error(seed / (a * b)), own))[["Error: seed:a:b"]][[1]]
tell("interaction", "f_paired", "a:b", within[1, "F value"])
cells <- as.matrix(unstack(own, outcome ~ interaction(b, a)))
space <- data.frame(a = gl(2, 3), b = gl(3, 1, 6))
sphered <- anova(lm(cells ~ 1), M = ~ a * b, X = ~ a + b, idata = space, test = "Spherical")
tell("interaction", "p_paired", "a:b", sphered[1, "G-G Pr"])
full <- lm(outcome ~ seed + a * b, own); main <- lm(outcome ~ seed + a + b, own)
scale <- summary(full)$sigma^2
type2 <- function(key, without, with) {
  found <- anova(without, with); ss <- found[2, "Sum of Sq"]; df <- found[2, "Df"]
  tell("interaction", "sum_sq", key, ss)
  tell("interaction", "anova_p", key, pf(ss / df / scale, df, full$df.residual, lower.tail = FALSE))
}
type2("a", lm(outcome ~ seed + b, own), main)
type2("b", lm(outcome ~ seed + a, own), main)
type2("a:b", main, full)

own <- done("one")
for (level in 0:2) {
  found <- prop.test(round(own$outcome[own$a == level] * 10000), 10000, correct = FALSE)$conf.int
  tell("one", "ci_low", level, found[1]); tell("one", "ci_high", level, found[2])
}
write.csv(out, "studies.out.csv", row.names = FALSE, quote = FALSE)
