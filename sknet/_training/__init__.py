"""Training: from checked parameters and rows as read to trained parameters, without estimators.

================  ==================================================================================
train.py          train: the four steps prepare, build, run and finish
auto.py           what "auto" stands for
settings.py       Settings: the constructor's parameters, read once
start.py          Start: the fitted model from which training continues
state.py          TrainingState: the state of training between two calls
rows.py           Rows, EncodedRows: the rows as read, and as the engine takes them
hold_out.py       splits off the validation rows of early stopping
prepare.py        step 1: fits and applies the encoder and the target
stream.py         step 1 for the rows of a stream, which are read again in each pass
shards.py         step 1, and a training, for rows in shards, which may be on workers
shard.py          what is called on a shard, where it is
part_units.py     best constants and their loss of rows in shards
units.py          best constants and their loss, the unit of tol
build.py          step 2: network, validation, stopping rule and monitor
run.py            step 3: trains by epochs or by L-BFGS
outcome.py        finds constant predictions and losses that were still falling
finish.py         step 4: Result, the outcome of training
validation.py     loss and score on validation rows
cross_fitting.py  members that leave out a fold each, and are validated by it
calibration.py    one temperature for the raw outputs
shared.py         Shared: results that several fits on the same data share
lanes.py          train_all: several fits as lanes of one training
monitor.py        loss curve, printed lines, time limit and callbacks
memory.py         raises if memory cannot hold the network
warning.py        warnings at the end of a fit
================  ==================================================================================
"""
