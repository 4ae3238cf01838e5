"""`feinschliff adapt`: from raw texts of a domain to a base model that knows its language."""

from __future__ import annotations

from typing import Annotated

import typer

from feinschliff.cli import _options as options


def adapt(
    ctx: typer.Context,
    corpus: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders or hf://owner/name with raw texts of the domain."),
    ] = None,
    model: options.Model = None,
    text: options.Text = None,
    group: Annotated[
        str | None,
        typer.Option("--group", metavar="COLUMN", help="Column whose rows of one value form one document."),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            "--objective",
            help="mlm, anchored, denoising, contrastive or causal; by the model if not named.",
        ),
    ] = None,
    add_words: Annotated[
        int | None,
        typer.Option("--add-words", metavar="N", help="Give the N most split words a token of their own."),
    ] = None,
    probe: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--probe",
            metavar="TRAIN TEST",
            help="Labelled texts: train a task on few of them from the model before and after.",
        ),
    ] = None,
    general: Annotated[
        str | None,
        typer.Option(
            "--general",
            metavar="FILE",
            help="General texts, to watch what is forgotten; `none` for no watch.",
        ),
    ] = None,
    format: options.Format = None,
    output_dir: options.OutputDir = None,
    seed: options.Seed = None,
    set_: options.Overrides = None,
    config: options.Config = None,
    overwrite: options.Overwrite = False,
    resume: options.Resume = None,
) -> None:
    """Go on with the pretraining of a model on raw texts of a domain.

    Held-out documents are measured before and after, general texts too, and with --probe a task. The folder
    `model` is an ordinary base model: feinschliff train DATA --model FOLDER/model
    """
    from feinschliff.adapt.run import run
    from feinschliff.cli._output import console
    from feinschliff.cli._progress import Display, duration
    from feinschliff.cli._summary import print_answer
    from feinschliff.errors import command
    from feinschliff.report.adaptation import answer
    from feinschliff.report.language import Language

    named = {
        "adapt.corpus": tuple(corpus) if corpus else None,
        "adapt.general": general,
        "adapt.objective": objective,
        "adapt.add_words": add_words,
        "adapt.probe": probe,
        "model.source": model,
        "data.text": text,
        "data.group": group,
        "data.format": format,
        "output_dir": output_dir,
        "seed": seed,
    }
    chosen = options.configure(config, set_, named, resume)
    with Display(ctx.obj["quiet"]) as display:
        result = run(chosen, listen=display, resume=resume is not None, overwrite=overwrite)
    if not result:  # only the first of several processes has one
        return
    screen = console()
    for name, title in (("test", "Held-out documents"), ("general", "General texts")):
        if name in result["losses"]:
            screen.print(f"{title}: {_sentence(result['losses'][name])}")
    for point in result.get("probe", {}).get("points", ()):
        screen.print(_gain(point, result["probe"]["metric"]))
    print_answer(answer(result, Language("en")))
    folder = result["config"]["output_dir"]
    screen.print(
        f"\nDone in {duration(result['duration_seconds'])}. Report: {folder}/report.html. Try next:\n"
    )
    screen.print(f"  {command('train', 'DATA', '--model', f'{folder}/model')}")


def _sentence(found: dict) -> str:
    from feinschliff.errors import counted

    old, new, apart = found["before"], found["after"], found["difference"]
    perplexity = ""
    if "perplexity_before" in found:
        before, after = found["perplexity_before"]["value"], found["perplexity_after"]["value"]
        perplexity = f"; perplexity {before:.1f} before, {after:.1f} after"
    return (
        f"loss {old['value']:.3f} before, {new['value']:.3f} after; "
        f"difference {apart['value']:+.3f} [{apart['low']:+.3f}, {apart['high']:+.3f}] over "
        f"{counted(found['documents'], 'document')}{perplexity}."
    )


def _gain(point: dict, metric: str) -> str:
    before, after, gain = point["before"]["value"], point["after"]["value"], point["gain"]
    return (
        f"{point['labels']:,} labels, {point['seeds']} trainings: {metric} {before:.3f} before, "
        f"{after:.3f} after; gain {gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]."
    )
