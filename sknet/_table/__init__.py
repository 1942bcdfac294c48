"""From X as the user gives it to the columns of the network's input.

X -> `read` -> a `Table` of numbers and codes of categories -> an `Encoder` -> an array or a CSR
matrix. What the encoder has learned is a dict of builtins and arrays.

Reading, before anything is learned:

kinds.py               kinds of values, from their types and from names of dtypes
text_numbers.py        how numbers are written as text, and the steps that read them
text_dates.py          the formats of dates and times of day that are written as text
looks.py               what text looks like: numbers, dates, free text, identifiers, or categories
conversions.py         lines of code that turn a column into numbers
messages.py            errors and warnings that name a column, with the lines that mend it
columns.py             the values of one column: kind, levels and codes, numbers
categorical.py         which columns are categories, by `categorical_features`
table.py               `Table`: numbers and codes of rows; whether numbers are finite
read.py                X -> `Table`: `validate_X`
schema.py              columns and levels of rows that come in parts

Learning and encoding:

levels.py              levels of a category with their weights, which merge, and their codes
shapes.py              two values, heavy tails, or codes for missing numbers
statistics.py          statistics of the columns of a `Table`
parts.py               statistics of rows that come in parts, which merge
quantiles.py           exact quantiles of rows that come in parts
passes.py              all statistics of a table whose rows come in parts, by passes
encoding.py            `Encoding`, what every encoding does; the parameters by which it is learned
number_encodings.py    numbers: as they are, scaled, quantiles; indicator of missing ones
category_encodings.py  categories: -1 and +1, one-hot, codes for an embedding; identifiers: left out
encodings.py           ``ENCODINGS``, the table of them, and which one a column gets
knots.py               which numbers are embedded, and the knots of their splines
encoder.py             `Encoder`: the blocks of encoded columns, in order
"""
