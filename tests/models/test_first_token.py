"""The narrowed top layer gives the same logits and gradients as the whole one."""

import pytest
import torch
import transformers

from feinschliff.models.first_token import first_token_only, supported

KINDS = {
    "bert": ("BertConfig", "BertForSequenceClassification"),
    "roberta": ("RobertaConfig", "RobertaForSequenceClassification"),
    "xlm-roberta": ("XLMRobertaConfig", "XLMRobertaForSequenceClassification"),
    "electra": ("ElectraConfig", "ElectraForSequenceClassification"),
    "camembert": ("CamembertConfig", "CamembertForSequenceClassification"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_same_logits_and_gradients(kind, attention):
    config_class, model_class = KINDS[kind]
    config = getattr(transformers, config_class)(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        num_labels=3,
        attn_implementation=attention,
    )
    torch.manual_seed(0)
    model = getattr(transformers, model_class)(config)
    assert supported(model)
    ids = torch.randint(4, 50, (3, 12))
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    mask[2, 3:] = 0
    outcomes = []
    for narrow in (False, True):
        model.zero_grad()
        if narrow:
            with first_token_only(model):
                logits = model(input_ids=ids, attention_mask=mask).logits
        else:
            logits = model(input_ids=ids, attention_mask=mask).logits
        logits.square().sum().backward()
        gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        outcomes.append((logits.detach(), gradients))
    (whole, whole_gradients), (narrowed, narrowed_gradients) = outcomes
    torch.testing.assert_close(narrowed, whole)
    assert whole_gradients.keys() == narrowed_gradients.keys()
    for name, gradient in whole_gradients.items():
        torch.testing.assert_close(narrowed_gradients[name], gradient, msg=name)
    assert "forward" not in vars(model.base_model.encoder.layer[-1])


def test_other_architectures_are_left_alone():
    config = transformers.DistilBertConfig(vocab_size=50, dim=16, n_layers=1, n_heads=2, hidden_dim=32)
    assert not supported(transformers.DistilBertForSequenceClassification(config))
