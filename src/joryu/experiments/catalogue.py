"""The experiments by name, imported only when asked for."""

from __future__ import annotations

import importlib

from joryu.errors import InputError, did_you_mean
from joryu.experiments.experiment import Experiment

MODULES = {
    "hinton-mnist": "hinton_mnist",
    "hinton-mnist-tuning": "hinton_mnist_tuning",
    "temperature-by-width": "temperature_by_width",
    "missing-class": "missing_class",
    "logit-matching": "logit_matching",
    "people-cifar": "people_cifar",
    "people-cifar-n": "people_cifar_n",
    "brain": "brain",
    "signal-as-task": "signal_as_task",
    "leaf-phone": "leaf_phone",
    "int8": "int8",
    "int8-depthwise": "int8_depthwise",
    "unet-salt": "unet_salt",
    "unet-temperature": "unet_temperature",
    "vision-clone": "vision_clone",
    "api-budget": "api_budget",
    "screening": "screening",
    "estimators": "estimators",
    "power-mean-ensemble": "power_mean_ensemble",
    "few-labels": "few_labels",
}


def find_experiment(name: str) -> Experiment:
    """The experiment of this name, imported now.

    Raises:
        InputError: there is no such experiment.
    """
    if name not in MODULES:
        raise InputError(f"unknown experiment {name!r}", expected=", ".join(MODULES), hint=did_you_mean(name, MODULES))
    experiment: Experiment = importlib.import_module(f"joryu.experiments.{MODULES[name]}").EXPERIMENT
    return experiment
