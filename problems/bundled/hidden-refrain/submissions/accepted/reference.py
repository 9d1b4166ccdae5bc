def agreement(text, pattern):
    """For each place of the text, how many letters from there on agree with the pattern (Z-function)."""
    joined = pattern + "#" + text
    agrees = [0] * len(joined)
    left = right = 0
    for i in range(1, len(joined)):
        length = min(agrees[i - left], right - i) if i < right else 0
        while i + length < len(joined) and joined[length] == joined[i + length]:
            length += 1
        agrees[i] = length
        if i + length > right:
            left, right = i, i + length
    return agrees[len(pattern) + 1 :]


def main():
    song, refrain = input().strip(), input().strip()
    m = len(refrain)
    ahead = agreement(song, refrain)
    back = agreement(song[::-1], refrain[::-1])[::-1]  # letters that agree up to this place, read backwards
    # At most one letter is wrong where the agreeing start and the agreeing end leave at most one letter.
    print(sum(ahead[i] + back[i + m - 1] >= m - 1 for i in range(len(song) - m + 1)))


main()
