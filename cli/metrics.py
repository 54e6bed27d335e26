"""What the evaluation's metrics say, in a phrase for a person, and what the gate asks of each."""

from __future__ import annotations

from stacks.environment import Gate

MEANINGS = {
    "exact_match": "share of the held-out questions that are answered exactly right, 0 to 1",
    "chrf": "how alike the answers and the right ones are, letter by letter, 0 to 100",
    "normalised_match": "the same, but for marks, case and spaces, 0 to 1",
    "bleu": "how many word sequences of the right answers they have, 0 to 100",
    "rouge_l": "how many words in the same order they share with the right ones, 0 to 1",
    "judge": "what a judge model gives the answers, 0 to 1",
    "preference_accuracy": "how often the right answer is likelier than the rejected one, 0 to 1",
    "labelled_exact_match": "exact_match on your own questions, labelled with `meguru label`",
    "labelled_chrf": "chrf on your own questions",
    "labelled_judge": "what the judge gives the answers to your own questions",
    "labelled_preference_accuracy": "how often what people ranked first is likelier than the last",
    "loss": "how unlikely the right answers are to the model; lower is better",
    "perplexity": "the loss as a number of choices for each token; lower is better",
    "seconds_per_answer": "time for one answer while evaluating",
    "num_held_out": "questions kept out of training and asked to measure it",
    "train_exact_match": "the share answered right of questions it was trained on",
}


def gate_on(metric: str, thresholds: Gate) -> str:
    """What the gate asks of a metric; empty where it asks nothing."""
    asked = []
    if metric in thresholds.minimum:
        asked.append(f"at least {thresholds.minimum[metric]:g}")
    if metric in thresholds.maximum_drop:
        drop = thresholds.maximum_drop[metric]
        asked.append(f"at most {drop:g} below the serving model's")
    return ", ".join(asked)
