def main():
    _, limit = map(int, input().split())
    people = sorted(map(int, input().split()))
    light, heavy = 0, len(people) - 1
    boats = 0
    while light <= heavy:
        # The heaviest goes now; the lightest joins if anybody can.
        if people[light] + people[heavy] <= limit:
            light += 1
        heavy -= 1
        boats += 1
    print(boats)


main()
