def count_words(strip):
    """Builds the suffix automaton; each state adds the words that are longer than its link's longest."""
    links, lengths, steps = [-1], [0], [{}]
    last = 0
    for letter in strip:
        current = len(lengths)
        links.append(0)
        lengths.append(lengths[last] + 1)
        steps.append({})
        state = last
        while state >= 0 and letter not in steps[state]:
            steps[state][letter] = current
            state = links[state]
        if state >= 0:
            target = steps[state][letter]
            if lengths[target] == lengths[state] + 1:
                links[current] = target
            else:
                clone = len(lengths)
                links.append(links[target])
                lengths.append(lengths[state] + 1)
                steps.append(steps[target].copy())
                while state >= 0 and steps[state].get(letter) == target:
                    steps[state][letter] = clone
                    state = links[state]
                links[target] = links[current] = clone
        last = current
    return sum(lengths[state] - lengths[links[state]] for state in range(1, len(lengths)))


print(count_words(input().strip()))
