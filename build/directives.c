/* SPDX-License-Identifier: Apache-2.0 */

/* Prints the directive reference from common/options.def: "markdown" for
 * doc/directives.md, "man" for mod_passenger(8). The Makefile runs it. */
#include <stdio.h>
#include <string.h>

typedef enum {
    GLOBAL,
    APP,
    PLACE
} scope_e;
typedef enum {
    ADMIN,
    OWNER,
    TENANT,
    CAPPED,
    LOWERED
} class_e;
typedef enum {
    FLAG,
    NUMBER,
    TEXT,
    WORD,
    LIST,
    PAIRS
} kind_e;

typedef struct {
    scope_e scope;
    class_e class;
    kind_e kind;
    const char *field, *name;
    const char *default_token; /* as it is written in the table */
    int min, max;
    const char *help;
} directive_t;

static const directive_t directives[] = {
#define OPTION(scope, class, type, field, name, def, min, max, help) \
    {scope, class, type, #field, name, #def, min, max, help},
#include "options.def"
};

/* Fields are compared by name here: there is no other index. */
static const struct {
    const char *field, *word;
} words[] = {
#define OPTION_WORD(field, word, meaning) {#field, word},
#include "option_words.def"
};

static const struct {
    const char *name, *field;
} aliases[] = {
#define OPTION_ALIAS(scope, type, name, field) {name, #field},
#include "option_aliases.def"
};

static const struct {
    const char *name, *why;
} ignored[] = {
#define OPTION_IGNORED(scope, name, why) {name, why},
#include "option_ignored.def"
};

static const char *const contexts[] = {
    [GLOBAL] = "server config",
    [APP] = "server config, virtual host, directory, location",
    [PLACE] = "server config, virtual host, directory, location, files, if",
};

static const char *const in_htaccess[] = {
    [ADMIN] = "",
    [OWNER] = ", .htaccess",
    [TENANT] = ", .htaccess",
    [CAPPED] = ", .htaccess (lower than the administrator's, if that is not 0)",
    [LOWERED] = ", .htaccess (lower than the administrator's)",
};

static void print_words(const char *field)
{
    const char *separator = "";
    size_t i;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i].field, field) == 0) {
            printf("%s%s", separator, words[i].word);
            separator = "|";
        }
    }
}

static void print_syntax(const directive_t *directive)
{
    switch (directive->kind) {
    case FLAG:
        printf("%s On|Off", directive->name);
        break;
    case NUMBER:
        printf("%s NUMBER (%d to %d)", directive->name, directive->min,
               directive->max);
        break;
    case TEXT:
        printf("%s VALUE", directive->name);
        break;
    case WORD:
        printf("%s ", directive->name);
        print_words(directive->field);
        break;
    case LIST:
        printf("%s VALUE (may be repeated)", directive->name);
        break;
    case PAIRS:
        printf("%s NAME VALUE (may be repeated)", directive->name);
        break;
    }
}

/* The table writes a flag as 1 or 0 and a string with its quotes; NULL means
 * that the help text says what holds without the directive. */
static void print_default(const directive_t *directive)
{
    const char *token = directive->default_token;
    size_t len = strlen(token);

    if (directive->kind == FLAG) {
        printf("%s", strcmp(token, "0") == 0 ? "Off" : "On");
    }
    else if (*token == '"') {
        printf("%.*s", (int)len - 2, token + 1);
    }
    else if (directive->kind == NUMBER) {
        printf("%s", token);
    }
    else {
        printf("%s",
               strstr(directive->help, "Default: ") ? "see below" : "none");
    }
}

/* A dot or quote at the start of a line, and backslashes, mean something to
 * troff. Hyphens of names are kept as they are typed. */
static void print_troff(const char *text)
{
    const char *c;

    if (*text == '.' || *text == '\'') {
        printf("\\&");
    }
    for (c = text; *c; c++) {
        if (*c == '\\') {
            printf("\\e");
        }
        else if (*c == '-') {
            printf("\\-");
        }
        else {
            putchar(*c);
        }
    }
    putchar('\n');
}

/* What holds for all of them; a paragraph each. */
static const char *const rules[] = {
    "A directive of the context server config is accepted in a VirtualHost, "
    "with a warning: it holds for the whole server. Where a directive may not "
    "stand or its value is wrong, httpd does not start and names file and "
    "line.",
    "In .htaccess the directives need an AllowOverride other than None, or an "
    "AllowOverrideList that names them. A line that is wrong or not allowed "
    "there is logged with file, line and reason, and counts for nothing; "
    "everything else of the file holds.",
    "The inner section's value replaces the outer one's, lists included; only "
    "what is given as NAME VALUE adds up. Location sections count more than "
    "Directory sections and .htaccess.",
    "Changed values hold from the next reload of httpd on. What a process is "
    "started with, such as its environment variables and threads, it keeps: "
    "restart the app to change it. An app with another user, interpreter, "
    "startup file or start command starts again by itself.",
    "httpd -t warns of users, folders, interpreters and apps that are named "
    "and not there, and of root where no app may be root. With -D "
    "DUMP_PASSENGER it prints the apps of the server configuration with every "
    "directive and where it was set.",
};

static const char *name_of_field(const char *field)
{
    const directive_t *directive = directives;

    while (strcmp(directive->field, field) != 0) {
        directive++;
    }
    return directive->name;
}

static void print_markdown_names(void)
{
    size_t i;

    printf("\n## Older names\n\n");
    for (i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        printf("- `%s` is `%s`\n", aliases[i].name,
               name_of_field(aliases[i].field));
    }
    printf("\n## Accepted without effect\n\n"
           "In any place, with any arguments; the log says once why.\n\n");
    for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        printf("- `%s`: %s\n", ignored[i].name, ignored[i].why);
    }
}

static void print_man_names(void)
{
    size_t i;

    printf(".SH OLDER NAMES\n");
    for (i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        printf(".TP\n.B %s\n%s\n", aliases[i].name,
               name_of_field(aliases[i].field));
    }
    printf(".SH ACCEPTED WITHOUT EFFECT\n"
           "In any place, with any arguments; the log says once why.\n");
    for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        printf(".TP\n.B %s\n", ignored[i].name);
        print_troff(ignored[i].why);
    }
}

static void print_markdown(void)
{
    const directive_t *end =
        directives + sizeof(directives) / sizeof(directives[0]);
    const directive_t *directive;

    printf("# Directives of mod_passenger\n\n"
           "Made from `common/options.def` by `make doc`; change that table, "
           "not this page.\n");
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        printf("\n%s\n", rules[i]);
    }
    for (directive = directives; directive < end; directive++) {
        printf("\n## %s\n\n- Syntax: `", directive->name);
        print_syntax(directive);
        printf("`\n- Default: `");
        print_default(directive);
        printf("`\n- Context: %s%s\n\n%s\n", contexts[directive->scope],
               in_htaccess[directive->class], directive->help);
    }
    print_markdown_names();
}

static void print_man(void)
{
    const directive_t *end =
        directives + sizeof(directives) / sizeof(directives[0]);
    const directive_t *directive;

    printf(
        ".TH MOD_PASSENGER 8 2026-11-21\n"
        ".SH NAME\n"
        "mod_passenger \\- serve web apps through the Apache httpd\n"
        ".SH SYNOPSIS\n"
        ".nf\n"
        "LoadModule passenger_module mod_passenger.so\n"
        ".fi\n"
        ".SH DESCRIPTION\n"
        "A VirtualHost whose DocumentRoot is the folder\n"
        ".I public\n"
        "of an app serves that app: files below the DocumentRoot are\n"
        "answered by httpd, everything else by the app. The app is found by\n"
        "its startup file in the folder above:\n"
        ".I config.ru\n"
        "(Ruby),\n"
        ".I passenger_wsgi.py\n"
        "(Python),\n"
        ".IR app.js ,\n"
        ".I app.mjs\n"
        "or\n"
        ".I app.cjs\n"
        "(Node.js), in this order.\n");
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        printf(".PP\n");
        print_troff(rules[i]);
    }
    printf(".SH DIRECTIVES\n");
    for (directive = directives; directive < end; directive++) {
        printf(".TP\n.B ");
        print_syntax(directive);
        printf("\nDefault: ");
        print_default(directive);
        printf(". Context: %s%s.\n.br\n", contexts[directive->scope],
               in_htaccess[directive->class]);
        print_troff(directive->help);
    }
    print_man_names();
    printf(".SH SEE ALSO\n.BR passenger\\-agent (8)\n");
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "markdown") == 0) {
        print_markdown();
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "man") == 0) {
        print_man();
        return 0;
    }
    fprintf(stderr, "usage: directives markdown|man\n");
    return 2;
}
