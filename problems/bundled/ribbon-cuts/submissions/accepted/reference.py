def main():
    _, k = map(int, input().split())
    ribbons = list(map(int, input().split()))
    # Every length up to `possible` works, none from `impossible` on does.
    possible, impossible = 0, max(ribbons) + 1
    while impossible - possible > 1:
        length = (possible + impossible) // 2
        if sum(ribbon // length for ribbon in ribbons) >= k:
            possible = length
        else:
            impossible = length
    print(possible)


main()
