"""Golden tests as data: what is asked of a mount, and the bytes that it answers.

usage: golden.py MNT FILE…

A file is a database of its name. Its lines, in order:

    # remark
    + LINE                       a line of line protocol (with its time) for `write`
    @ REQUEST                    through exec: succeeds, whatever it answers
    ? PATH                       what `cat query/PATH` gives
    $[.FORMAT][?OPTIONS] REQUEST what a request through exec gives, asked in that form
    ~ FILE                       what `cat FILE` of the database gives

Of `?`, `$` and `~` the lines behind it tell what is expected: those that begin with a tab are the
answer, `! ERRNO [WORDS]` is its error with words that `errors` then holds, `/` is a directory.
"""
import errno
import os
import sys


class Case:
    def __init__(self, line, number):
        self.line, self.number = line, number
        self.answer, self.error, self.is_directory = "", None, False


def read(fd):
    return b"".join(iter(lambda: os.read(fd, 1 << 16), b"")).decode()


class Database:
    def __init__(self, path):
        self.path = path
        os.mkdir(path)

    def write(self, line):
        with open(f"{self.path}/write", "w") as file:
            file.write(line + "\n")

    def ask(self, form, request):
        """The answer and the error of a request; the answer is there after an error, too."""
        fd = os.open(f"{self.path}/exec{form}", os.O_RDWR)
        try:
            try:
                os.write(fd, request.encode() + b"\n")
                name = None
            except OSError as error:
                name = errno.errorcode[error.errno]
            return read(fd), name
        finally:
            os.close(fd)

    def look(self, path):
        """The content, the error, and whether it is a directory."""
        try:
            is_directory = os.path.isdir(path)
            fd = os.open(path, os.O_RDONLY)
        except OSError as error:
            return "", errno.errorcode[error.errno], is_directory if "is_directory" in locals() else False
        try:
            return read(fd), None, False
        finally:
            os.close(fd)

    def errors(self):
        with open(f"{self.path}/errors") as file:
            words = file.read()
        with open(f"{self.path}/errors", "w"):
            return words


def judge(database, case):
    kind, text = case.line[0], case.line[1:]
    is_directory = False
    database.errors()
    if kind == "$":
        form, request = text.split(" ", 1)
        answer, error = database.ask(form, request.replace("\\n", "\n"))
    else:
        answer, error, is_directory = database.look(f"{database.path}/{'query/' if kind == '?' else ''}{text[1:]}")
    wanted, _, words = (case.error or "").partition(" ")
    problems = []
    if (error or "") != wanted:
        problems.append(f"error {error}, not {wanted or None}")
    if is_directory != case.is_directory:
        problems.append("is a directory" if is_directory else "is no directory")
    # What exec answers after an error is JSON's; it is compared where it is expected.
    if answer != case.answer and (case.answer or not wanted):
        problems.append(f"answer:\n{answer}")
    told = database.errors() if words else ""
    if words not in told:
        problems.append(f"errors tell: {told}")
    return problems


def cases_of(database, path):
    """Runs what only prepares, gives what is to be judged once its expectation is read."""
    case = None
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if line.startswith("\t"):
                case.answer += line[1:] + "\n"
            elif line.startswith("! "):
                case.error = line[2:]
            elif line == "/":
                case.is_directory = True
            else:
                if case:
                    yield case
                case = Case(line, number) if line[:1] in ("?", "$", "~") else None
                if line.startswith("+ "):
                    database.write(line[2:].replace("\\n", "\n"))
                elif line.startswith("@ "):
                    _, error = database.ask("", line[2:])
                    assert error is None, f"{path}:{number}: {error}: {database.errors()}"
    if case:
        yield case


def main():
    passed = failed = 0
    for path in sys.argv[2:]:
        database = Database(f"{sys.argv[1]}/{os.path.basename(path).removesuffix('.txt')}")
        for case in cases_of(database, path):
            problems = judge(database, case)
            passed, failed = passed + (not problems), failed + bool(problems)
            if problems:
                print(f"FAILED: {path}:{case.number}: {case.line}\n\t" + "\n\t".join(problems))
    print(f"{passed} passed, {failed} failed")


if __name__ == "__main__":
    main()
