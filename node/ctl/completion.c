/* completion: a shell's own words about ours, made of the tables that drive parsing. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "node/ctl/ctl.h"

static void print_options(bool wants_value, const char *between)
{
    const struct option *o;
    const char *before = "";
    for (size_t i = 0; (o = ctl_option(i))->name; i++)
        if (!wants_value || o->has_arg == required_argument) {
            printf("%s--%s", before, o->name);
            before = between;
        }
}

/* $1 the program, $2 the word that is begun; words before it that are no options make the verb so far. */
static void print_bash(void)
{
    fputs("_tandemctl_names() {\n"
          "    \"$1\" -o jsonl \"$2\" list 2>/dev/null | sed -n 's/^{\"name\":\"\\([^\"]*\\)\".*/\\1/p'\n"
          "}\n"
          "_tandemctl() {\n"
          "    local i line= phrase words phrases='",
          stdout);
    for (size_t i = 0; ctl_phrase(i); i++)
        puts(ctl_phrase(i));
    fputs("'\n"
          "    COMPREPLY=()\n"
          "    case ${COMP_WORDS[COMP_CWORD-1]} in\n"
          "    -o | --output) COMPREPLY=($(compgen -W 'table wide json jsonl az' -- \"$2\")); return ;;\n"
          "    --for) COMPREPLY=($(compgen -W 'bird frr openbgpd gobgp cisco fortios' -- \"$2\")); return ;;\n"
          "    --node) COMPREPLY=($(compgen -W \"all $(_tandemctl_names \"$1\" node)\" -- \"$2\")); return ;;\n"
          "    --socket | --token-file) COMPREPLY=($(compgen -f -- \"$2\")); return ;;\n"
          "    esac\n"
          "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "        case ${COMP_WORDS[i]} in\n"
          "        -o | -w | ",
          stdout);
    print_options(true, " | ");
    fputs(") ((i++)) ;;\n"
          "        -*) ;;\n"
          "        *) line+=\"${COMP_WORDS[i]} \" ;;\n"
          "        esac\n"
          "    done\n"
          "    case $2 in -*) line=-; words='",
          stdout);
    print_options(false, " ");
    puts("' ;; esac\n"
         "    case $line in\n"
         "    -) ;;\n"
         "    'completion ') words='bash zsh fish' ;;\n"
         "    'log level ') words='debug info warn error' ;;\n"
         "    'peer '[a-z]*' ' | 'learned ' | 'advertised ' | 'nva-config ')\n"
         "        words=$(_tandemctl_names \"$1\" peer) ;;\n"
         "    *) words=$(while read -r phrase; do\n"
         "            [[ \"$phrase \" == \"$line\"?* ]] && phrase=${phrase#\"$line\"} && echo \"${phrase%% *}\"\n"
         "        done <<<\"$phrases\") ;;\n"
         "    esac\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$2\"))\n"
         "}\n"
         "complete -o default -F _tandemctl tandemctl");
}

static void print_zsh(void)
{
    puts("autoload -U +X compinit bashcompinit && compinit && bashcompinit");
    print_bash();
}

static void print_fish(void)
{
    const struct option *o;
    puts("complete -c tandemctl -f");
    for (size_t i = 0; ctl_phrase(i); i++) {
        const char *phrase = ctl_phrase(i);
        int first = (int)strcspn(phrase, " ");
        printf("complete -c tandemctl -n __fish_use_subcommand -a %.*s\n", first, phrase);
        if (phrase[first])
            printf("complete -c tandemctl -n '__fish_seen_subcommand_from %.*s' -a %s\n", first, phrase, phrase + first + 1);
    }
    for (size_t i = 0; (o = ctl_option(i))->name; i++)
        printf("complete -c tandemctl -l %s%s\n", o->name, o->has_arg == required_argument ? " -r" : "");
}

int verb_completion(const struct ctl *c)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = { { "bash", print_bash }, { "zsh", print_zsh }, { "fish", print_fish } };
    if (!ctl_takes(c, 1, 1, "completion bash|zsh|fish"))
        return CTL_USAGE;
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (!strcmp(shells[i].name, c->argv[0]))
            return shells[i].print(), CTL_OK;
    return ctl_fail(CTL_USAGE, "completion %s: it is bash, zsh or fish", c->argv[0]);
}
